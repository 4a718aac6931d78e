// Requests of the simulated computer to itself.

using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Farmhand.Lab
{
    [StandsFor("Net.WebRequest")]
    public sealed class WebRequest
    {
        readonly Uri address;

        WebRequest(string address)
        {
            this.address = new Uri(address);
            Host = "";
            Method = "GET";
        }

        public string Method { get; set; }
        public string Host { get; set; }
        public bool AllowAutoRedirect { get; set; }
        public bool KeepAlive { get; set; }
        public object Proxy { get; set; }
        public int Timeout { get; set; }
        public object ServerCertificateValidationCallback { get; set; }

        public static WebRequest CreateHttp(string address)
        {
            return new WebRequest(address);
        }

        public WebResponse GetResponse()
        {
            var response = new WebResponse(Door.Read("{\"read\":\"http\",\"verb\":" + Door.Quote(Method.ToLowerInvariant())
                + ",\"at\":{\"port\":{\"port\":" + address.Port + ",\"host\":" + Door.Quote(Host) + "}}"
                + ",\"path\":" + Door.Quote(address.PathAndQuery) + "}"));
            if (response.StatusCode >= 400) throw new WebException(response);
            return response;
        }
    }

    // A reply that tells of an error comes as an exception.
    public sealed class WebException : Exception
    {
        public WebResponse Response { get; private set; }

        public WebException(WebResponse response)
            : base("The remote server returned an error: (" + response.StatusCode + ").")
        {
            Response = response;
        }
    }

    public sealed class Headers
    {
        readonly Dictionary<string, string> values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

        public Headers(Reply headers)
        {
            foreach (Reply header in headers.Items) values[header.Key] = header.Text;
        }

        public string[] AllKeys
        {
            get { return new List<string>(values.Keys).ToArray(); }
        }

        public string this[string name]
        {
            get { return values[name]; }
        }
    }

    public sealed class WebResponse
    {
        readonly Reply told;

        public Headers Headers { get; private set; }

        public WebResponse(Reply told)
        {
            this.told = told;
            Headers = new Headers(told["headers"]);
        }

        public int StatusCode
        {
            get { return int.Parse(told["status"].Text); }
        }

        public Stream GetResponseStream()
        {
            return new MemoryStream(Encoding.UTF8.GetBytes(told["body"].Text));
        }

        public void Close()
        {
        }
    }
}
