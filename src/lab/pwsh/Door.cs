// What stands in for Windows asks the lab through a door: a request a line as JSON, the reply as XML.

using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Xml;

namespace Farmhand.Lab
{
    // The type that a script means by this name is the one marked here.
    [AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
    public sealed class StandsForAttribute : Attribute
    {
        public string Name { get; private set; }

        public StandsForAttribute(string name)
        {
            Name = name;
        }
    }

    // What Windows says when it does not do something. Without an HRESULT of Windows' own it brings the lab's code.
    public class Refused : Exception
    {
        public Refused(string text, int hresult) : base(text)
        {
            HResult = hresult;
        }

        // The lab's own word for it.
        internal string Code { get; private set; }

        public static Exception From(Reply refusal)
        {
            string code = refusal["code"].Text, hresult = refusal["hresult"].Text;
            int number = hresult == null ? 1 : Convert.ToInt32(hresult, 16);
            var refused = new Refused(refusal["text"].Text, number) { Code = code };
            if (hresult == null) refused.Data["code"] = code;
            return refused;
        }
    }

    // A part of a reply; one that is not there has no text and no items.
    public sealed class Reply
    {
        readonly XmlElement element;

        public Reply(XmlElement element)
        {
            this.element = element;
        }

        public bool IsThere
        {
            get { return element != null && element.Name != "n"; }
        }

        public string Text
        {
            get { return IsThere && element.Name == "v" ? element.InnerText : null; }
        }

        public bool IsTrue
        {
            get { return Text == "true"; }
        }

        public string Key
        {
            get { return element == null ? null : element.GetAttribute("k"); }
        }

        public Reply this[string key]
        {
            get
            {
                foreach (Reply item in Items)
                {
                    if (item.Key == key) return item;
                }
                return new Reply(null);
            }
        }

        public IEnumerable<Reply> Items
        {
            get
            {
                if (element == null || element.Name == "v") yield break;
                foreach (XmlNode node in element.ChildNodes) yield return new Reply((XmlElement)node);
            }
        }
    }

    public static class Door
    {
        // What the lab answers; what it refuses is thrown. What is not there is nothing.
        public static Reply Ask(string request)
        {
            var document = new XmlDocument { PreserveWhitespace = true };
            document.LoadXml(Exchange(request));
            foreach (Reply reply in new Reply(document.DocumentElement).Items)
            {
                if (reply.Key == "refused" || reply.Key == "failed") throw Refused.From(reply);
                if (reply.Key == "absent") break;
                return reply;
            }
            return new Reply(null);
        }

        public static Reply Read(string read)
        {
            return Ask("{\"do\":\"ask\",\"read\":" + read + "}");
        }

        public static Reply Write(string write)
        {
            return Ask("{\"do\":\"tell\",\"write\":" + write + "}");
        }

        public static Reply On(string what, string path)
        {
            return Ask("{\"do\":\"" + what + "\",\"path\":" + Quote(path) + "}");
        }

        public static Reply Facts()
        {
            return Read("{\"read\":\"host_facts\"}");
        }

        public static string Quote(string text)
        {
            if (text == null) return "null";
            var quoted = new StringBuilder("\"");
            foreach (char letter in text)
            {
                if (letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\') quoted.Append(letter);
                else quoted.Append("\\u").Append(((int)letter).ToString("x4"));
            }
            return quoted.Append('"').ToString();
        }

        public static string List(IEnumerable<string> texts)
        {
            var quoted = new List<string>();
            foreach (string text in texts) quoted.Add(Quote(text));
            return "[" + string.Join(",", quoted.ToArray()) + "]";
        }

        static string Exchange(string request)
        {
            string[] place = Environment.GetEnvironmentVariable("FARMHAND_LAB_DOOR").Split(':');
            string key = Environment.GetEnvironmentVariable("FARMHAND_LAB_KEY");
            using (var client = new TcpClient(place[0], int.Parse(place[1])))
            using (NetworkStream stream = client.GetStream())
            {
                byte[] bytes = Encoding.ASCII.GetBytes(key + "\n" + request + "\n");
                stream.Write(bytes, 0, bytes.Length);
                using (var reader = new StreamReader(stream, new UTF8Encoding(false))) return reader.ReadToEnd();
            }
        }
    }
}
