// Attributes of IIS configuration: their schema, their values as .NET has them, and where these come from.

using System;
using System.Collections.Generic;
using System.Globalization;
using Farmhand.Lab;

namespace Microsoft.Web.Administration
{
    public sealed class ConfigurationAttributeSchema
    {
        readonly List<EnumValue> values = new List<EnumValue>();

        internal ConfigurationAttributeSchema(Reply told)
        {
            Name = told["name"].Text;
            Type = told["type"].Text;
            IsEncrypted = told["encrypted"].IsTrue;
            foreach (Reply word in told["words"].Items)
            {
                int at = values.Count;
                values.Add(new EnumValue(word.Text, Type == "flags" ? 1L << at : at));
            }
        }

        public string Name { get; private set; }
        public string Type { get; private set; }
        public bool IsEncrypted { get; private set; }

        public List<EnumValue> GetEnumValues()
        {
            return values;
        }

        internal object Typed(string text)
        {
            if (Type == "string") return text;
            if (Type == "flags" || Type == "enum")
            {
                long number = 0;
                foreach (string name in text.Split(','))
                {
                    foreach (EnumValue value in values)
                    {
                        if (string.Equals(value.Name, name.Trim(), StringComparison.OrdinalIgnoreCase)) number |= value.Value;
                    }
                }
                return number;
            }
            if (text == "") return null;
            if (Type == "bool") return bool.Parse(text);
            if (Type == "timeSpan") return TimeSpan.Parse(text, CultureInfo.InvariantCulture);
            return long.Parse(text, CultureInfo.InvariantCulture);
        }
    }

    public sealed class EnumValue
    {
        internal EnumValue(string name, long value)
        {
            Name = name;
            Value = value;
        }

        public string Name { get; private set; }
        public long Value { get; private set; }
    }

    public sealed class ConfigurationAttribute
    {
        readonly ConfigurationElement owner;
        readonly string original;
        bool unreadable;

        internal ConfigurationAttribute(ConfigurationElement owner, Reply told)
        {
            this.owner = owner;
            Schema = new ConfigurationAttributeSchema(told);
            original = told["default"].Text ?? "";
            Text = told["value"].Text ?? "";
            unreadable = told["unreadable"].IsTrue;
            IsInheritedFromDefaultValue = told["source"].Text == "default";
        }

        public ConfigurationAttributeSchema Schema { get; private set; }
        public bool IsInheritedFromDefaultValue { get; private set; }
        internal string Text { get; private set; }

        public object Value
        {
            get
            {
                if (!unreadable) return Schema.Typed(Text);
                string why = "Failed to decrypt attribute '" + Schema.Name + "' because the keyset does not exist";
                throw new Refused(why, unchecked((int)0x80090016));
            }
        }

        public void Delete()
        {
            owner.Edit("clear", ",\"attribute\":" + Door.Quote(Schema.Name));
            Text = original;
            IsInheritedFromDefaultValue = true;
        }

        internal void Become(string text)
        {
            Text = text;
            unreadable = false;
            IsInheritedFromDefaultValue = false;
        }

        // A value as the file has it.
        internal static string Words(object value)
        {
            if (value is bool) return (bool)value ? "true" : "false";
            return Convert.ToString(value, CultureInfo.InvariantCulture);
        }
    }
}
