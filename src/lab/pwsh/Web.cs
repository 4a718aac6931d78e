// Microsoft.Web.Administration as far as the agent uses it. Configuration is read and committed by the lab; between
// the two stand the elements here, which remember what was done to them as edits.

using System;
using System.Collections;
using System.Collections.Generic;
using Farmhand.Lab;

namespace Microsoft.Web.Administration
{
    public sealed class ServerManager : IDisposable
    {
        readonly List<string> edits = new List<string>();
        readonly Configuration configuration;

        public ServerManager()
        {
            configuration = new Configuration(this);
        }

        public NamedList<ApplicationPool> ApplicationPools
        {
            get
            {
                ConfigurationElement section = configuration.GetSection("system.applicationHost/applicationPools");
                return new NamedList<ApplicationPool>(section.Views(item => new ApplicationPool(item)));
            }
        }

        public NamedList<Site> Sites
        {
            get
            {
                ConfigurationElement section = configuration.GetSection("system.applicationHost/sites");
                return new NamedList<Site>(section.Views(item => new Site(item)));
            }
        }

        public Configuration GetApplicationHostConfiguration()
        {
            return configuration;
        }

        public Configuration GetWebConfiguration(string site, string path)
        {
            throw new Refused("the lab commits applicationHost.config alone", unchecked((int)0x80070032));
        }

        public void CommitChanges()
        {
            foreach (Site site in Sites)
            {
                foreach (Binding binding in site.Bindings) edits.AddRange(binding.Edits());
            }
            Door.Ask("{\"do\":\"commit\",\"edits\":[" + string.Join(",", edits.ToArray()) + "]}");
            edits.Clear();
        }

        public void Dispose()
        {
            edits.Clear();
        }

        // IIS looks at an edit when it is made, and writes it when it is committed.
        internal void Edit(string edit)
        {
            string all = string.Join(",", new List<string>(edits) { edit }.ToArray());
            Door.Ask("{\"do\":\"check\",\"edits\":[" + all + "]}");
            edits.Add(edit);
        }
    }

    public sealed class Configuration
    {
        readonly ServerManager server;
        readonly Dictionary<string, ConfigurationElement> sections = new Dictionary<string, ConfigurationElement>();

        internal Configuration(ServerManager server)
        {
            this.server = server;
        }

        public ConfigurationElement GetSection(string section)
        {
            return GetSection(section, null);
        }

        public ConfigurationElement GetSection(string section, string location)
        {
            string key = section + "\n" + location, place = "\"section\":" + Door.Quote(section);
            if (location != null) place += ",\"location\":" + Door.Quote(location);
            if (!sections.ContainsKey(key))
            {
                Reply told = Door.Ask("{\"do\":\"section\",\"at\":{" + place + "}}");
                sections[key] = new ConfigurationElement(server, place, null, told);
            }
            return sections[key];
        }
    }

    public sealed class ConfigurationElement
    {
        readonly ServerManager server;
        readonly string place;
        readonly ConfigurationElement above;
        readonly List<ConfigurationElement> children = new List<ConfigurationElement>();
        readonly Dictionary<string, ConfigurationAttribute> attributes = new Dictionary<string, ConfigurationAttribute>();
        readonly ConfigurationElementCollection items;
        readonly List<string> keys = new List<string>();
        // Attributes of an item that is not in its collection yet.
        internal List<string> Pending;
        // The one view of a binding, which keeps its certificate until the commit.
        internal Binding Binding;

        internal ConfigurationElement(ServerManager server, string place, ConfigurationElement above, Reply told)
        {
            this.server = server;
            this.place = place;
            this.above = above;
            ElementTagName = told["name"].Text;
            IsLocallyStored = told["local"].IsTrue;
            foreach (Reply attribute in told["attributes"].Items)
            {
                var read = new ConfigurationAttribute(this, attribute);
                attributes[read.Schema.Name] = read;
            }
            foreach (Reply key in told["keys"].Items) keys.Add(key.Text);
            foreach (Reply child in told["children"].Items)
            {
                children.Add(new ConfigurationElement(server, place, this, child));
            }
            if (told["items"].IsThere) items = new ConfigurationElementCollection(this, told);
            Schema = new ConfigurationElementSchema(attributes.Values, children, items);
        }

        public string ElementTagName { get; private set; }
        public bool IsLocallyStored { get; internal set; }
        public ConfigurationElementSchema Schema { get; private set; }

        public ConfigurationAttribute GetAttribute(string name)
        {
            ConfigurationAttribute attribute;
            if (attributes.TryGetValue(name, out attribute)) return attribute;
            throw new Refused("Unrecognized attribute '" + name + "'", unchecked((int)0x8007000D));
        }

        public object GetAttributeValue(string name)
        {
            return GetAttribute(name).Value;
        }

        public void SetAttributeValue(string name, object value)
        {
            ConfigurationAttribute attribute = GetAttribute(name);
            string text = ConfigurationAttribute.Words(value);
            if (Pending != null) Pending.Add("[" + Door.Quote(name) + ",{\"plain\":" + Door.Quote(text) + "}]");
            else
            {
                Edit("set", ",\"attribute\":" + Door.Quote(name) + ",\"value\":{\"plain\":" + Door.Quote(text) + "}");
                IsLocallyStored = true;
            }
            attribute.Become(text);
        }

        public ConfigurationElement GetChildElement(string name)
        {
            foreach (ConfigurationElement child in children)
            {
                if (child.ElementTagName == name) return child;
            }
            throw new Refused("Unrecognized element '" + name + "'", unchecked((int)0x8007000D));
        }

        public ConfigurationElementCollection GetCollection()
        {
            return items;
        }

        internal ConfigurationElement New(Reply told)
        {
            return new ConfigurationElement(server, place, this, told) { IsItem = true };
        }

        internal bool IsItem { get; private set; }

        internal void Edit(string edit, string rest)
        {
            server.Edit(Written(edit, rest));
        }

        internal string Written(string edit, string rest)
        {
            string at = "{" + place + ",\"steps\":[" + string.Join(",", Steps().ToArray()) + "]}";
            return "{\"edit\":\"" + edit + "\",\"at\":" + at + rest + "}";
        }

        List<string> Steps()
        {
            if (above == null) return new List<string>();
            List<string> steps = above.Steps();
            if (!IsItem)
            {
                steps.Add("{\"child\":" + Door.Quote(ElementTagName) + "}");
                return steps;
            }
            var pairs = new List<string>();
            foreach (string key in keys) pairs.Add(Door.Quote(key) + ":" + Door.Quote(GetAttribute(key).Text));
            steps.Add("{\"item\":{" + string.Join(",", pairs.ToArray()) + "}}");
            return steps;
        }

        internal List<T> Views<T>(Func<ConfigurationElement, T> view)
        {
            var views = new List<T>();
            foreach (ConfigurationElement item in items) views.Add(view(item));
            return views;
        }
    }

    public sealed class ConfigurationElementSchema
    {
        internal ConfigurationElementSchema(
            IEnumerable<ConfigurationAttribute> attributes,
            IEnumerable<ConfigurationElement> children,
            ConfigurationElementCollection items)
        {
            AttributeSchemas = new List<ConfigurationAttributeSchema>();
            foreach (ConfigurationAttribute attribute in attributes) AttributeSchemas.Add(attribute.Schema);
            ChildElementSchemas = new List<ChildSchema>();
            foreach (ConfigurationElement child in children) ChildElementSchemas.Add(new ChildSchema(child.ElementTagName));
            CollectionSchema = items == null ? null : new ChildSchema("");
        }

        public List<ConfigurationAttributeSchema> AttributeSchemas { get; private set; }
        public List<ChildSchema> ChildElementSchemas { get; private set; }
        public ChildSchema CollectionSchema { get; private set; }
    }

    public sealed class ChildSchema
    {
        public string Name { get; private set; }

        internal ChildSchema(string name)
        {
            Name = name;
        }
    }

    public sealed class ConfigurationElementCollection : IEnumerable<ConfigurationElement>
    {
        readonly ConfigurationElement owner;
        readonly Reply fresh;
        readonly List<ConfigurationElement> items = new List<ConfigurationElement>();

        internal ConfigurationElementCollection(ConfigurationElement owner, Reply told)
        {
            this.owner = owner;
            fresh = told["new"];
            foreach (Reply item in told["items"].Items) items.Add(owner.New(item));
        }

        public IEnumerator<ConfigurationElement> GetEnumerator()
        {
            return items.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return items.GetEnumerator();
        }

        public ConfigurationElement CreateElement(string tag)
        {
            if (!fresh[tag].IsThere)
            {
                throw new Refused("Unrecognized element '" + tag + "'", unchecked((int)0x8007000D));
            }
            ConfigurationElement element = owner.New(fresh[tag]);
            element.Pending = new List<string>();
            return element;
        }

        public ConfigurationElement Add(ConfigurationElement element)
        {
            string attributes = ",\"attributes\":[" + string.Join(",", element.Pending.ToArray()) + "]";
            owner.Edit("add", ",\"element\":" + Door.Quote(element.ElementTagName) + attributes);
            element.Pending = null;
            element.IsLocallyStored = true;
            items.Add(element);
            return element;
        }

        public void Remove(ConfigurationElement element)
        {
            element.Edit("remove", "");
            items.Remove(element);
        }
    }
}
