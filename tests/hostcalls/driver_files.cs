// The driver's part for files, certificates, accounts, requests and log-ons.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Farmhand.Lab;
using Microsoft.Web.Administration;
using Here = Farmhand.Lab.File;
using Map = System.Collections.Generic.Dictionary<string, object>;

public static partial class Driver
{
    static object ReadFiles(Map ask)
    {
        string path = FilePath((Map)ask["at"]);
        if (path == null) return null;
        bool folder;
        try { folder = (Here.GetAttributes(path) & FileAttributes.Directory) != 0; }
        catch (IOException) { return null; }
        string modified = Here.GetLastWriteTimeUtc(path).ToString("s") + "Z";
        var state = new Map { { "folder", folder }, { "length_bytes", 0 }, { "modified_utc", modified } };
        if (folder) return state;
        using (FileStream stream = Here.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        {
            state["length_bytes"] = stream.Length;
            string want = (string)ask["want"];
            if (want == "sha256") state["sha256"] = Hex(SHA256.Create().ComputeHash(stream));
            if (want == "mac") state["mac"] = Hex(mac.ComputeHash(stream));
            if (want == "text") state["text"] = new StreamReader(stream, new UTF8Encoding(false), true).ReadToEnd();
        }
        return state;
    }

    static string FilePath(Map at)
    {
        if (at.ContainsKey("path")) return Expand((string)at["path"]);
        var app = (Map)at["app"];
        Site site = Server().Sites[(string)app["site"]];
        Application found = site == null ? null : site.Applications[(string)app["path"]];
        if (found == null) return null;
        return Farmhand.Lab.Path.Combine(Expand(found.VirtualDirectories["/"].PhysicalPath), (string)app["file"]);
    }

    static object ReadCertificates(Map ask)
    {
        var store = new Store((string)ask["store"], System.Security.Cryptography.X509Certificates.StoreLocation.LocalMachine);
        try { store.Open(System.Security.Cryptography.X509Certificates.OpenFlags.ReadOnly); }
        catch (Refused error)
        {
            if (error.HResult != unchecked((int)0x80070002)) throw;
            return null;
        }
        return store.Certificates.Select(it => new Map
        {
            { "thumbprint", it.Thumbprint }, { "subject", it.Subject }, { "dns_names", Names(it) },
            { "not_before", it.NotBefore.ToUniversalTime().ToString("s") + "Z" },
            { "not_after", it.NotAfter.ToUniversalTime().ToString("s") + "Z" }, { "private_key", it.HasPrivateKey },
        }).ToList();
    }

    static object Names(Certificate certificate)
    {
        var names = new List<string> { Regex.Match(certificate.Subject, "(?:^|, )CN=\"?([^\",]+)").Groups[1].Value };
        byte[] der = certificate.Extensions["2.5.29.17"].RawData;
        for (int at = 0; at + 1 < der.Length; )
        {
            int tag = der[at], length = der[at + 1], more = length - 128;
            at += 2;
            if (more >= 0) length = 0;
            for (; more > 0; more--) length = 256 * length + der[at++];
            if (tag == 0x30) continue;
            if (tag == 0x82) names.Add(Encoding.ASCII.GetString(der, at, length));
            at += length;
        }
        return names.Where(name => name != "").Distinct().ToList();
    }

    static object Account(string name)
    {
        var sids = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            { "LocalSystem", "S-1-5-18" }, { "System", "S-1-5-18" }, { "LocalService", "S-1-5-19" }, { "NetworkService", "S-1-5-20" },
        };
        string plain = Regex.Replace(name, @"^NT AUTHORITY\\|\s", "");
        if (sids.ContainsKey(plain)) name = sids[plain];
        try
        {
            Identity sid = name.StartsWith("S-1-") ? new Sid(name) : new Named(name).Translate(typeof(Sid));
            return new Map { { "sid", sid.Value }, { "name", sid.Translate(typeof(Named)).Value } };
        }
        catch (NotMapped) { return null; }
    }

    static object ReadHttp(Map ask)
    {
        WebRequest request = WebRequest.CreateHttp("http://127.0.0.1:" + ask["port"] + ask["path"]);
        request.Method = ((string)ask["verb"]).ToUpperInvariant();
        if ((string)ask["host"] != "") request.Host = (string)ask["host"];
        WebResponse reply;
        try { reply = request.GetResponse(); } catch (WebException error) { reply = error.Response; }
        var headers = new Map();
        foreach (string name in reply.Headers.AllKeys) headers[name.ToLowerInvariant()] = reply.Headers[name];
        string body = new StreamReader(reply.GetResponseStream(), new UTF8Encoding(false)).ReadToEnd();
        return new Map { { "status", reply.StatusCode }, { "headers", headers }, { "body", body } };
    }

    static void WriteLogonTest(Map tell)
    {
        string[] parts = ((string)tell["account"]).Split(new[] { '\\' }, 2);
        string plain = Text((Map)tell["password"], "plain");
        if (string.IsNullOrEmpty(plain)) throw Stop("invalid", "no password came with the test", null);
        var entry = new DirectoryEntry("LDAP://" + parts[0]) { Username = string.Join("\\", parts), Password = plain };
        try { entry.RefreshCache(); }
        catch (Refused error)
        {
            int code = error.HResult & 0xFFFF;
            var said = error as DirectoryRefused;
            string data = Regex.Match(said == null ? "" : said.ExtendedErrorMessage, " data ([0-9a-f]+)").Groups[1].Value;
            if (data != "" && data != "0") code = Convert.ToInt32(data, 16);
            int[] refused = { 1326, 1327, 1328, 1329, 1330, 1331, 1385, 1793, 1907, 1909 };
            if (refused.Contains(code)) throw Stop("logon", error.Message, "0x8007" + code.ToString("X4"));
            throw;
        }
    }
}
