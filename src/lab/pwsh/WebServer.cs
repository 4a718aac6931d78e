// Pools, sites and what is below them, as views of their elements; what runs of them WAS knows.

using System;
using System.Collections.Generic;
using Farmhand.Lab;

namespace Microsoft.Web.Administration
{
    public abstract class View
    {
        protected readonly ConfigurationElement Element;

        protected View(ConfigurationElement element)
        {
            Element = element;
        }

        public virtual string Name
        {
            get { return Of("name"); }
        }

        public object GetAttributeValue(string name)
        {
            return Element.GetAttributeValue(name);
        }

        protected string Of(string attribute)
        {
            return Element.GetAttribute(attribute).Text;
        }
    }

    // Names have no letter case; nothing stands for a name that is not there.
    public sealed class NamedList<T> : List<T> where T : View
    {
        internal NamedList(IEnumerable<T> views) : base(views)
        {
        }

        public T this[string name]
        {
            get { return Find(view => string.Equals(view.Name, name, StringComparison.OrdinalIgnoreCase)); }
        }
    }

    public abstract class Running : View
    {
        readonly string kind;

        protected Running(ConfigurationElement element, string kind) : base(element)
        {
            this.kind = kind;
        }

        public string State
        {
            get
            {
                string state = Now()["state"].Text;
                if (state != null) return state;
                throw new Refused("The service has not been started.", unchecked((int)0x80070426));
            }
        }

        public string Start()
        {
            return Control("start");
        }

        public string Stop()
        {
            return Control("stop");
        }

        protected Reply Now()
        {
            return Door.Ask("{\"do\":\"running\"}")[kind + "s"][Name];
        }

        protected string Control(string action)
        {
            Door.Write("{\"write\":\"iis_control\",\"target\":{\"" + kind + "\":" + Door.Quote(Name) + "},\"action\":\""
                + action + "\"}");
            return State;
        }
    }

    public sealed class ApplicationPool : Running
    {
        internal ApplicationPool(ConfigurationElement element) : base(element, "pool")
        {
        }

        public List<WorkerProcess> WorkerProcesses
        {
            get
            {
                var workers = new List<WorkerProcess>();
                foreach (Reply worker in Now()["workers"].Items) workers.Add(new WorkerProcess(worker["pid"].Text));
                return workers;
            }
        }

        public string Recycle()
        {
            return Control("recycle");
        }
    }

    public sealed class WorkerProcess
    {
        public int ProcessId { get; private set; }

        internal WorkerProcess(string pid)
        {
            ProcessId = int.Parse(pid);
        }
    }

    public sealed class Site : Running
    {
        internal Site(ConfigurationElement element) : base(element, "site")
        {
            Applications = new NamedList<Application>(element.Views(item => new Application(item)));
            Bindings = element.GetChildElement("bindings").Views(item => item.Binding ?? (item.Binding = new Binding(item)));
        }

        public NamedList<Application> Applications { get; private set; }
        public List<Binding> Bindings { get; private set; }
    }

    public sealed class Application : View
    {
        internal Application(ConfigurationElement element) : base(element)
        {
            VirtualDirectories = new NamedList<VirtualDirectory>(element.Views(item => new VirtualDirectory(item)));
        }

        public override string Name
        {
            get { return Of("path"); }
        }

        public string ApplicationPoolName
        {
            get { return Of("applicationPool"); }
        }

        public NamedList<VirtualDirectory> VirtualDirectories { get; private set; }
    }

    public sealed class VirtualDirectory : View
    {
        internal VirtualDirectory(ConfigurationElement element) : base(element)
        {
        }

        public override string Name
        {
            get { return Of("path"); }
        }

        public string PhysicalPath
        {
            get { return Of("physicalPath"); }
        }
    }

    // The certificate is given to http.sys when the rest is committed.
    public sealed class Binding : View
    {
        internal Binding(ConfigurationElement element) : base(element)
        {
        }

        public string Protocol
        {
            get { return Of("protocol"); }
        }

        public string BindingInformation
        {
            get { return Of("bindingInformation"); }
        }

        public byte[] CertificateHash { get; set; }
        public string CertificateStoreName { get; set; }

        internal IEnumerable<string> Edits()
        {
            if (CertificateHash == null) yield break;
            string hash = BitConverter.ToString(CertificateHash).Replace("-", "");
            yield return Element.Written("certificate",
                ",\"thumbprint\":\"" + hash + "\",\"store\":" + Door.Quote(CertificateStoreName ?? "MY"));
        }
    }
}
