// Accounts, certificates and access control of the simulated computer.

using System;
using System.Collections.Generic;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Farmhand.Lab
{
    [StandsFor("Security.Principal.IdentityNotMappedException")]
    public sealed class NotMapped : Exception
    {
        public NotMapped() : base("Some or all identity references could not be translated.")
        {
        }
    }

    // A name or a SID, and the other by asking.
    public abstract class Identity
    {
        public string Value { get; private set; }

        protected Identity(string value)
        {
            Value = value;
        }

        // The name that a SID was found by: the lab need not know the way back.
        internal string Known;

        public Identity Translate(Type into)
        {
            Reply account = Door.On("account", Known ?? Value);
            if (!account.IsThere) throw new NotMapped();
            if (into == typeof(Named)) return new Named(account["name"].Text);
            return new Sid(account["sid"].Text) { Known = account["name"].Text };
        }
    }

    [StandsFor("Security.Principal.SecurityIdentifier")]
    public sealed class Sid : Identity
    {
        public Sid(string sid) : base(sid)
        {
        }
    }

    [StandsFor("Security.Principal.NTAccount")]
    public sealed class Named : Identity
    {
        public Named(string name) : base(name)
        {
        }
    }

    [StandsFor("Security.Principal.WindowsIdentity")]
    public sealed class Operator
    {
        public static Operator GetCurrent()
        {
            return new Operator();
        }
    }

    [StandsFor("Security.Principal.WindowsPrincipal")]
    public sealed class Principal
    {
        public Principal(Operator user)
        {
        }

        // 544 is the group of administrators, the only one that is asked for.
        public bool IsInRole(int group)
        {
            return group == 544 && Door.Facts()["administrator"].IsTrue;
        }
    }

    [StandsFor("Security.Cryptography.X509Certificates.X509Store")]
    public sealed class Store
    {
        readonly string name;

        public List<Certificate> Certificates { get; private set; }

        public Store(string name, StoreLocation location)
        {
            this.name = name;
            Certificates = new List<Certificate>();
        }

        public void Open(OpenFlags flags)
        {
            Reply store = Door.Read("{\"read\":\"certificates\",\"store\":" + Door.Quote(name) + "}");
            if (!store.IsThere)
            {
                throw new Refused("The system cannot find the file specified.", unchecked((int)0x80070002));
            }
            foreach (Reply certificate in store.Items) Certificates.Add(new Certificate(certificate));
        }

        public void Close()
        {
        }
    }

    public sealed class Certificate
    {
        readonly Reply told;

        public Dictionary<string, Extension> Extensions { get; private set; }

        public Certificate(Reply told)
        {
            this.told = told;
            Extensions = new Dictionary<string, Extension> { { "2.5.29.17", new Extension(Names(told["dns_names"])) } };
        }

        public string Thumbprint { get { return told["thumbprint"].Text; } }
        public string Subject { get { return told["subject"].Text; } }
        public DateTime NotBefore { get { return Clock.Time(told["not_before"].Text); } }
        public DateTime NotAfter { get { return Clock.Time(told["not_after"].Text); } }
        public bool HasPrivateKey { get { return told["private_key"].IsTrue; } }

        // GeneralNames of dNSName (RFC 5280, 4.2.1.6).
        static byte[] Names(Reply names)
        {
            var items = new List<byte>();
            foreach (Reply name in names.Items) Append(items, 0x82, Encoding.ASCII.GetBytes(name.Text));
            var sequence = new List<byte>();
            Append(sequence, 0x30, items.ToArray());
            return sequence.ToArray();
        }

        static void Append(List<byte> der, byte tag, byte[] content)
        {
            der.Add(tag);
            if (content.Length > 127)
            {
                der.Add(0x82);
                der.Add((byte)(content.Length >> 8));
            }
            der.Add((byte)content.Length);
            der.AddRange(content);
        }
    }

    public sealed class Extension
    {
        public byte[] RawData { get; private set; }

        public Extension(byte[] data)
        {
            RawData = data;
        }
    }

    [Flags]
    public enum Binding
    {
        None = 0,
        Secure = 1,
        Signing = 64,
        Sealing = 128,
    }

    // A directory says the same to everybody, and why in its diagnostic.
    public sealed class DirectoryRefused : Refused
    {
        public string ExtendedErrorMessage { get; private set; }

        public DirectoryRefused(string text, int code) : base(text, unchecked((int)0x8007052E))
        {
            ExtendedErrorMessage = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data "
                + code.ToString("x") + ", v4563";
        }
    }

    // One logon: a bind to a directory, or to the computer's own accounts.
    [StandsFor("DirectoryServices.DirectoryEntry")]
    public sealed class DirectoryEntry : IDisposable
    {
        readonly string path;

        public Binding AuthenticationType { get; set; }
        public string Username { get; set; }
        public string Password { get; set; }

        public DirectoryEntry(string path)
        {
            this.path = path;
        }

        public void RefreshCache()
        {
            if (!path.StartsWith("LDAP://") && !path.StartsWith("WinNT://"))
            {
                throw new Refused("Unknown error", unchecked((int)0x80005000));
            }
            try
            {
                Door.Write("{\"write\":\"test_logon\",\"account\":" + Door.Quote(Username) + ",\"password\":{\"plain\":"
                    + Door.Quote(Password) + "}}");
            }
            catch (Refused refused)
            {
                if (refused.Code != "logon" || path.StartsWith("WinNT://")) throw;
                throw new DirectoryRefused(refused.Message, refused.HResult & 0xFFFF);
            }
        }

        public void Dispose()
        {
            Password = null;
        }
    }
}
