// The driver's part that changes IIS.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Farmhand.Lab;
using Microsoft.Web.Administration;
using Here = Farmhand.Lab.File;
using Map = System.Collections.Generic.Dictionary<string, object>;

public static partial class Driver
{
    static Map WriteIisCommit(Map tell)
    {
        string redirection = Config + @"\redirection.config", file = Config + @"\applicationHost.config";
        if (Here.Exists(redirection))
        {
            var xml = new XmlFile();
            xml.Load(redirection);
            if (xml.SelectSingleNode("/configuration/configurationRedirection[@enabled=\"true\"]/@path") != null)
            {
                throw Stop("shared_configuration", "IIS shares its configuration", null);
            }
        }
        for (int attempt = 1; ; attempt++)
        {
            CloseServer();
            Configuration config = Server().GetApplicationHostConfiguration();
            DateTime before = Here.GetLastWriteTimeUtc(file);
            foreach (Map expected in (object[])tell["expect"])
            {
                var at = (Map)expected["at"];
                ConfigurationElement node = Find(config, at);
                string section = (string)at["section"];
                string token = node == null ? "absent" : Token(node, ReadAttributes(node, section, "exact"));
                if (token != (string)expected["token"]) return One("moved", One("at", Said(at)));
            }
            foreach (Map edit in (object[])tell["edits"]) Edit(config, edit);
            SaveHistory(file);
            try
            {
                Server().CommitChanges();
                return One("done", null);
            }
            catch (Refused error)
            {
                bool shut = error.HResult == unchecked((int)0x80070020);
                if (attempt >= 5 || (!shut && before == Here.GetLastWriteTimeUtc(file))) throw;
                System.Threading.Thread.Sleep(200);
            }
        }
    }

    static string Said(Map at)
    {
        var words = new List<string> { (string)at["section"] };
        foreach (Map step in at.ContainsKey("steps") ? (object[])at["steps"] : new object[0])
        {
            words.Add(Text(step, "child") ?? "[" + string.Join(" ", ((Map)step["item"]).Values) + "]");
        }
        return string.Join(" ", words);
    }

    static void Edit(Configuration config, Map edit)
    {
        var at = (Map)edit["at"];
        ConfigurationElement node = Find(config, at);
        if (node == null) throw Stop("unknown", "there is no " + Said(at), "0x80070490");
        switch ((string)edit["edit"])
        {
            case "set": Set(node, (string)edit["attribute"], (Map)edit["value"]); break;
            case "clear": node.GetAttribute((string)edit["attribute"]).Delete(); break;
            case "add":
                ConfigurationElement item = node.GetCollection().CreateElement((string)edit["element"]);
                foreach (object[] pair in (object[])edit["attributes"]) Set(item, (string)pair[0], (Map)pair[1]);
                node.GetCollection().Add(item);
                break;
            case "remove":
                var above = new Map(at);
                var steps = (object[])at["steps"];
                above["steps"] = steps.Take(steps.Length - 1).ToArray();
                Find(config, above).GetCollection().Remove(node);
                break;
            case "certificate": SetCertificate(at, edit); break;
        }
    }

    static void Set(ConfigurationElement node, string name, Map text)
    {
        string type = node.GetAttribute(name).Schema.Type, plain = Text(text, "plain");
        if (plain == null) throw Stop("invalid", "no text came for " + name, null);
        if (type == "bool") node.SetAttributeValue(name, bool.Parse(plain));
        else if (type == "timeSpan") node.SetAttributeValue(name, TimeSpan.Parse(plain));
        else if (Regex.IsMatch(type, "^u?int")) node.SetAttributeValue(name, long.Parse(plain));
        else node.SetAttributeValue(name, plain);
    }

    static void SetCertificate(Map at, Map edit)
    {
        var steps = (object[])at["steps"];
        var key = (Map)((Map)steps[2])["item"];
        foreach (var binding in Server().Sites[(string)((Map)((Map)steps[0])["item"])["name"]].Bindings)
        {
            if (binding.Protocol != Text(key, "protocol") || binding.BindingInformation != Text(key, "bindingInformation")) continue;
            binding.CertificateHash = Hex((string)edit["thumbprint"]);
            binding.CertificateStoreName = (string)edit["store"];
            return;
        }
        throw Stop("unknown", "there is no " + Said(at), null);
    }

    static void SaveHistory(string file)
    {
        const string folder = @"C:\farmhand\history";
        if (!Farmhand.Lab.Directory.Exists(folder))
        {
            Farmhand.Lab.Directory.CreateDirectory(folder);
            new AccessList().SetSecurityDescriptorSddlForm("O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
        }
        Here.Copy(file, folder + @"\applicationHost-" + Clock.UtcNow.ToString("o").Replace(":", "") + ".config");
        string[] kept = Farmhand.Lab.Directory.GetFiles(folder, "applicationHost-*.config");
        Array.Sort(kept, StringComparer.Ordinal);
        for (int index = 0; index < kept.Length - 10; index++) Here.Delete(kept[index]);
    }

    static void WriteIisControl(Map tell)
    {
        var target = (Map)tell["target"];
        string pool = Text(target, "pool"), action = (string)tell["action"];
        Running item = pool != null ? (Running)Server().ApplicationPools[pool] : Server().Sites[(string)target["site"]];
        if (item == null) throw Stop("unknown", "IIS has no such", "0x80070490");
        string state = State(item);
        if (action == "recycle" && pool == null) throw Stop("failed", "a site has no worker processes", null);
        if (action == "recycle" && state == "started") ((ApplicationPool)item).Recycle();
        if (action == "start" && state != "started") item.Start();
        if (action == "stop" && state != "stopped") item.Stop();
    }
}
