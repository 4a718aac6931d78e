// Files and folders as objects, by Windows paths, and who may do what to them.

using System;
using System.Collections.Generic;
using System.IO;

namespace Farmhand.Lab
{
    public abstract class Entry
    {
        // As Windows has it.
        public string FullName { get; private set; }

        protected Entry(string path)
        {
            FullName = path;
        }

        public string Name
        {
            get { return FullName.Substring(FullName.LastIndexOf('\\') + 1); }
        }

        internal string Here
        {
            get { return File.Here(FullName); }
        }

        public abstract bool Exists { get; }

        public FileAttributes Attributes
        {
            get { return System.IO.File.GetAttributes(Here); }
            set { System.IO.File.SetAttributes(Here, value); }
        }

        public DateTime LastWriteTimeUtc
        {
            get { return System.IO.File.GetLastWriteTimeUtc(Here); }
        }

        public void Refresh()
        {
        }

        public abstract void Delete();

        public AccessList GetAccessControl()
        {
            return AccessList.Of(FullName);
        }

        public void SetAccessControl(AccessList list)
        {
            list.GiveTo(FullName);
        }
    }

    [StandsFor("IO.FileInfo")]
    public sealed class FileEntry : Entry
    {
        public FileEntry(string path) : base(path)
        {
        }

        public override bool Exists
        {
            get { return System.IO.File.Exists(Here); }
        }

        public long Length
        {
            get { return new FileInfo(Here).Length; }
        }

        public override void Delete()
        {
            File.Delete(FullName);
        }
    }

    [StandsFor("IO.DirectoryInfo")]
    public sealed class FolderEntry : Entry
    {
        public FolderEntry(string path) : base(path)
        {
        }

        public override bool Exists
        {
            get { return System.IO.Directory.Exists(Here); }
        }

        public Entry[] GetFileSystemInfos()
        {
            var found = new List<Entry>();
            foreach (FileSystemInfo entry in new DirectoryInfo(Here).GetFileSystemInfos())
            {
                string path = FullName.TrimEnd('\\') + "\\" + entry.Name;
                if (entry is DirectoryInfo) found.Add(new FolderEntry(path));
                else found.Add(new FileEntry(path));
            }
            return found.ToArray();
        }

        public override void Delete()
        {
            System.IO.Directory.Delete(Here);
        }
    }

    // The lab keeps rights of a path's own; what is told of the rest comes from above.
    [StandsFor("Security.AccessControl.DirectorySecurity")]
    public sealed class AccessList
    {
        readonly List<AccessRule> rules = new List<AccessRule>();

        public bool AreAccessRulesProtected { get; private set; }

        // A descriptor given as text is looked at and forgotten.
        public string Sddl { get; private set; }

        public void SetSecurityDescriptorSddlForm(string sddl)
        {
            if (!sddl.StartsWith("O:")) throw new Refused("The SDDL form is invalid.", unchecked((int)0x80070057));
            Sddl = sddl;
        }

        public void SetAccessRuleProtection(bool protect, bool keep)
        {
            AreAccessRulesProtected = protect;
        }

        public void AddAccessRule(AccessRule rule)
        {
            rules.Add(rule);
        }

        public bool RemoveAccessRule(AccessRule rule)
        {
            return rules.Remove(rule);
        }

        public AccessRule[] GetAccessRules(bool own, bool inherited, Type identity)
        {
            return rules.FindAll(rule => rule.IsInherited ? inherited : own).ToArray();
        }

        internal static AccessList Of(string path)
        {
            Reply told = Door.Read("{\"read\":\"acl\",\"path\":" + Door.Quote(path) + "}");
            var list = new AccessList { AreAccessRulesProtected = !told["inherits"].IsTrue };
            foreach (Reply entry in told["entries"].Items) list.rules.Add(AccessRule.Of(entry));
            return list;
        }

        // Nothing is to be done for one that inherits: giving rights to the folder above has done it.
        internal void GiveTo(string path)
        {
            if (!AreAccessRulesProtected) return;
            var grants = new List<string>();
            foreach (AccessRule rule in rules) grants.Add(rule.Grant());
            Door.Write("{\"write\":\"set_acl\",\"path\":" + Door.Quote(path) + ",\"grants\":["
                + string.Join(",", grants.ToArray()) + "]}");
        }
    }

    [StandsFor("Security.AccessControl.FileSystemAccessRule")]
    public sealed class AccessRule
    {
        static readonly string[] Words = { "read", "modify", "full" };
        static readonly string[] Names = { "ReadAndExecute", "Modify", "FullControl" };
        static readonly int[] Sums = { 0x1200A9, 0x1301BF, 0x1F01FF };

        public Identity IdentityReference { get; private set; }
        public int FileSystemRights { get; private set; }
        public string AccessControlType { get; private set; }
        public bool IsInherited { get; private set; }

        public AccessRule(Identity account, string rights, string inheritance, string propagation, string type)
        {
            IdentityReference = account;
            int index = Array.IndexOf(Names, rights);
            FileSystemRights = index < 0 ? 0 : Sums[index];
            AccessControlType = type;
        }

        internal static AccessRule Of(Reply entry)
        {
            int index = Array.IndexOf(Words, entry["rights"].Text);
            string type = entry["deny"].IsTrue ? "Deny" : "Allow";
            return new AccessRule(new Sid(entry["sid"].Text), index < 0 ? "" : Names[index], "", "", type)
            {
                IsInherited = entry["inherited"].IsTrue
            };
        }

        internal string Grant()
        {
            int index = Array.IndexOf(Sums, FileSystemRights);
            string word = index < 0 ? "other" : Words[index];
            return "{\"account\":" + Door.Quote(IdentityReference.Value) + ",\"rights\":\"" + word + "\"}";
        }
    }
}
