// Does with the stand-ins for Windows what the agent does, function by function under the agent's names, for the host
// calls that need .NET alone. It is started in the place of PowerShell and answers one batch a line.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Web.Script.Serialization;
using Farmhand.Lab;
using Microsoft.Web.Administration;
using Here = Farmhand.Lab.File;
using Map = System.Collections.Generic.Dictionary<string, object>;

public static partial class Driver
{
    const string Config = @"C:\Windows\System32\inetsrv\config";
    const string Library = @"C:\Windows\System32\inetsrv\Microsoft.Web.Administration.dll";
    static readonly JavaScriptSerializer Json = new JavaScriptSerializer { MaxJsonLength = int.MaxValue };
    static ServerManager server;
    static HMACSHA256 mac;
    static bool wrote;

    public static void Main()
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        for (string line; (line = Console.In.ReadLine()) != null; )
        {
            var batch = (Map)Json.DeserializeObject(line);
            mac = new HMACSHA256(Hex((string)batch["nonce"]));
            var replies = new List<object>();
            bool stopped = false;
            foreach (Map call in (object[])batch["calls"])
            {
                if (call.ContainsKey("ask")) replies.Add(One("answer", Answer((Map)call["ask"])));
                else
                {
                    Map outcome = stopped ? One("skipped", new Map()) : Outcome((Map)call["tell"]);
                    stopped = !outcome.ContainsKey("done");
                    replies.Add(One("outcome", outcome));
                }
            }
            CloseServer();
            Console.WriteLine(Json.Serialize(new Map { { "id", batch["id"] }, { "replies", replies } }));
        }
    }

    static Map One(string key, object value)
    {
        return new Map { { key, value } };
    }

    static Map Answer(Map ask)
    {
        try
        {
            object found = null;
            switch ((string)ask["read"])
            {
                case "iis_config": found = ReadIisConfig(ask); break;
                case "iis_runtime": found = ReadIisRuntime(ask); break;
                case "files": found = ReadFiles(ask); break;
                case "certificates": found = ReadCertificates(ask); break;
                case "accounts": found = ((object[])ask["names"]).ToDictionary(it => (string)it, it => Account((string)it)); break;
                case "http": found = ReadHttp(ask); break;
            }
            return found == null ? One("absent", new Map()) : One("present", found);
        }
        catch (Exception error) { return One("refused", Refusal(error)); }
    }

    static Map Outcome(Map tell)
    {
        try
        {
            wrote = true;
            switch ((string)tell["write"])
            {
                case "iis_commit":
                    try { return WriteIisCommit(tell); } finally { CloseServer(); }
                case "iis_control": WriteIisControl(tell); break;
                case "put_tree": Farmhand.Lab.Directory.CreateDirectory(Expand((string)tell["path"])); break;
                case "test_logon": WriteLogonTest(tell); break;
            }
            return One("done", null);
        }
        catch (Exception error) { return One("failed", Refusal(error)); }
    }

    static Exception Stop(string code, string text, string hresult)
    {
        var problem = new InvalidOperationException(text);
        problem.Data["code"] = code;
        problem.Data["hresult"] = hresult;
        return problem;
    }

    static Map Refusal(Exception error)
    {
        Exception cause = error.GetBaseException();
        var refusal = new Map { { "code", cause.Data["code"] }, { "text", cause.Message } };
        object hresult = cause.Data["hresult"];
        if (refusal["code"] == null)
        {
            hresult = "0x" + cause.HResult.ToString("X8");
            refusal["code"] = Code((string)hresult);
        }
        if (hresult != null) refusal["hresult"] = hresult;
        return refusal;
    }

    // The agent's own table, which the test brings.
    static string Code(string hresult)
    {
        foreach (string line in Environment.GetEnvironmentVariable("AGENT_CODES").Split('\n'))
        {
            string[] pair = line.Split('\t');
            if (Regex.IsMatch(hresult, pair[0])) return pair[1];
        }
        return "failed";
    }

    static byte[] Hex(string text)
    {
        return Enumerable.Range(0, text.Length / 2).Select(at => Convert.ToByte(text.Substring(2 * at, 2), 16)).ToArray();
    }

    static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }

    static string Expand(string path)
    {
        string full = Variables.ExpandEnvironmentVariables(path);
        if (full.StartsWith(@"\\")) throw Stop("denied", "on another machine", "0x80070005");
        if (!Regex.IsMatch(full, @"^[a-z]:\\", RegexOptions.IgnoreCase)) throw Stop("invalid", "not absolute", "0x8007007B");
        return full;
    }

    static string Text(Map map, string key)
    {
        return map.ContainsKey(key) ? (string)map[key] : null;
    }

    // --- IIS ---

    static ServerManager Server()
    {
        if (server != null) return server;
        if (!Here.Exists(Library)) throw Stop("unsupported", "IIS is not installed", null);
        return server = new ServerManager();
    }

    static void CloseServer()
    {
        if (server != null) server.Dispose();
        server = null;
    }

    static object ReadIisConfig(Map ask)
    {
        var at = (Map)ask["at"];
        ConfigurationElement node = Find(Server().GetApplicationHostConfiguration(), at);
        if (node == null) return null;
        return ReadElement(node, (string)at["section"], Text(ask, "mac"));
    }

    static ConfigurationElement Find(Configuration config, Map at)
    {
        string section = (string)at["section"], location = Text(at, "location");
        ConfigurationElement node = location != null ? config.GetSection(section, location) : config.GetSection(section);
        foreach (Map step in at.ContainsKey("steps") ? (object[])at["steps"] : new object[0])
        {
            if (step.ContainsKey("item")) node = FindItem(node, (Map)step["item"]);
            else
            {
                string child = (string)step["child"];
                if (node.Schema.ChildElementSchemas.All(schema => schema.Name != child))
                {
                    throw Stop("unsupported", "no " + child + " here", "0x80070032");
                }
                node = node.GetChildElement(child);
            }
            if (node == null) return null;
        }
        return node;
    }

    static ConfigurationElement FindItem(ConfigurationElement node, Map keys)
    {
        if (node.Schema.CollectionSchema == null) return null;
        return node.GetCollection().FirstOrDefault(item => item.Schema.AttributeSchemas.Count(schema =>
            keys.ContainsKey(schema.Name) && !IsSecret(schema, null) && string.Equals(
                Words(schema, item.GetAttributeValue(schema.Name)), (string)keys[schema.Name],
                StringComparison.OrdinalIgnoreCase)) == keys.Count);
    }

    static Map ReadElement(ConfigurationElement node, string section, string form)
    {
        Map own = ReadAttributes(node, section, form), children = new Map();
        foreach (ChildSchema schema in node.Schema.ChildElementSchemas)
        {
            children[schema.Name] = ReadElement(node.GetChildElement(schema.Name), section, form);
        }
        var items = new List<object>();
        if (node.Schema.CollectionSchema != null)
        {
            foreach (ConfigurationElement item in node.GetCollection()) items.Add(ReadElement(item, section, form));
        }
        return new Map
        {
            { "name", node.ElementTagName.Split('/').Last() }, { "token", Token(node, own) }, { "attributes", own },
            { "children", children }, { "items", items },
        };
    }

    static Map ReadAttributes(ConfigurationElement node, string section, string form)
    {
        var own = new Map();
        foreach (ConfigurationAttributeSchema schema in node.Schema.AttributeSchemas)
        {
            ConfigurationAttribute attribute = null;
            Map content;
            bool secret = IsSecret(schema, section);
            try
            {
                attribute = node.GetAttribute(schema.Name);
                content = secret ? ReadSecret(attribute, form) : One("value", Words(schema, attribute.Value));
            }
            catch (Refused)
            {
                if (!secret) throw;
                content = One("unreadable", new Map());
            }
            string source = attribute != null && attribute.IsInheritedFromDefaultValue ? "default"
                : node.IsLocallyStored ? "set" : "inherited";
            own[schema.Name] = new Map { { "source", source }, { "content", content } };
        }
        return own;
    }

    static bool IsSecret(ConfigurationAttributeSchema schema, string section)
    {
        return schema.IsEncrypted || (section == "appSettings" && schema.Name == "value")
            || Regex.IsMatch(schema.Name, "password|connectionString|^(validation|decryption)Key$", RegexOptions.IgnoreCase);
    }

    static Map ReadSecret(ConfigurationAttribute attribute, string form)
    {
        string text = Convert.ToString(attribute.Value, CultureInfo.InvariantCulture);
        if (text == "") return One("empty", new Map());
        return One("mac", Hex(mac.ComputeHash(Encoding.UTF8.GetBytes(form == "upper" ? text.ToUpperInvariant() : text))));
    }

    static string Words(ConfigurationAttributeSchema schema, object value)
    {
        if (value is bool) return (bool)value ? "true" : "false";
        if (schema.Type == "enum")
        {
            foreach (EnumValue word in schema.GetEnumValues()) if (word.Value == (long)value) return word.Name;
        }
        if (schema.Type == "flags")
        {
            long all = (long)value;
            return string.Join(", ", schema.GetEnumValues()
                .Where(word => word.Value == all || (word.Value != 0 && (all & word.Value) == word.Value))
                .Select(word => word.Name));
        }
        return Convert.ToString(value, CultureInfo.InvariantCulture);
    }

    static string Token(ConfigurationElement node, Map own)
    {
        if (!node.IsLocallyStored) return "absent";
        var set = own.Where(pair => (string)((Map)pair.Value)["source"] == "set"
            && ((Map)((Map)pair.Value)["content"]).ContainsKey("value"));
        var lines = set.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => pair.Key + "=" + ((Map)((Map)pair.Value)["content"])["value"] + "\n");
        return Hex(SHA256.Create().ComputeHash(Encoding.UTF8.GetBytes(string.Concat(lines)))).Substring(0, 16);
    }

    static string State(Running item)
    {
        try { return item.State.ToLowerInvariant(); } catch (Refused) { return "unknown"; }
    }

    static object ReadIisRuntime(Map ask)
    {
        for (int wait = 0; ; wait++)
        {
            Map pools = new Map(), sites = new Map();
            bool settled = true;
            foreach (string name in ask.ContainsKey("pools") ? (object[])ask["pools"] : new object[0])
            {
                ApplicationPool pool = Server().ApplicationPools[name];
                if (pool == null) continue;
                string state = State(pool);
                var workers = pool.WorkerProcesses.Select(worker => new Map { { "pid", worker.ProcessId }, { "account", Owner(worker) } }).ToList();
                pools[name] = new Map { { "state", state }, { "workers", workers } };
                bool awaited = wrote && state == "started" && workers.Count == 0 && (long)pool.GetAttributeValue("startMode") == 1;
                settled = settled && (state == "started" || state == "stopped") && !(awaited && Server().Sites.Any(
                    site => site.Applications.Any(app => app.ApplicationPoolName == pool.Name)));
            }
            foreach (string name in ask.ContainsKey("sites") ? (object[])ask["sites"] : new object[0])
            {
                Site site = Server().Sites[name];
                if (site == null) continue;
                sites[name] = State(site);
                settled = settled && ((string)sites[name] == "started" || (string)sites[name] == "stopped");
            }
            if (settled || wait >= 60) return new Map { { "pools", pools }, { "sites", sites }, { "events", Events(ask) } };
            System.Threading.Thread.Sleep(500);
            CloseServer();
        }
    }

    // As `Get-CimInstance` and `Get-WinEvent` of the stand-ins find them.
    static string Owner(WorkerProcess worker)
    {
        return Door.Ask("{\"do\":\"running\"}")["pools"].Items.SelectMany(pool => pool["workers"].Items)
            .First(it => it["pid"].Text == worker.ProcessId.ToString())["account"].Text;
    }

    static object Events(Map ask)
    {
        var pools = ask.ContainsKey("pools") ? ((object[])ask["pools"]).Cast<string>().ToList() : new List<string>();
        return Door.Ask("{\"do\":\"running\"}")["events"].Items
            .Where(it => Clock.Time(it["utc"].Text) >= Clock.UtcNow.AddMinutes(-10))
            .Where(it => pools.Contains(it["pool"].Text, StringComparer.OrdinalIgnoreCase))
            .Select(it => new Map { { "id", int.Parse(it["id"].Text) }, { "utc", it["utc"].Text }, { "pool", it["pool"].Text } })
            .ToList();
    }
}
