// Reads statements from standard input, one a line in Base64 (UTF-8), and tells for each what the parsers of SQL Server
// 2012 to 2019 have against it: an empty line for nothing.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.SqlServer.TransactSql.ScriptDom;

public static class Parse
{
    public static int Main()
    {
        var parsers = new TSqlParser[]
        {
            new TSql110Parser(true), new TSql120Parser(true), new TSql130Parser(true), new TSql140Parser(true),
            new TSql150Parser(true),
        };
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            var text = Encoding.UTF8.GetString(Convert.FromBase64String(line));
            var complaints = new List<string>();
            foreach (var parser in parsers)
            {
                IList<ParseError> errors;
                var script = parser.Parse(new StringReader(text), out errors) as TSqlScript;
                complaints.AddRange(errors.Select(error => parser.GetType().Name + ": " + error.Message));
                if (script != null && script.Batches.Count != 1)
                {
                    complaints.Add(parser.GetType().Name + ": " + script.Batches.Count + " batches");
                }
            }
            Console.WriteLine(string.Join("; ", complaints).Replace('\n', ' ').Replace('\r', ' '));
        }
        return 0;
    }
}
