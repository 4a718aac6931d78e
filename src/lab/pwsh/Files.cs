// Files, folders and drives of the simulated computer, whose paths are Windows paths.

using System;
using System.Collections.Generic;
using System.IO;
using System.Text.RegularExpressions;

namespace Farmhand.Lab
{
    [StandsFor("IO.File")]
    public static class File
    {
        public static bool Exists(string path)
        {
            try { return Door.On("exists", path).IsTrue; } catch (Refused) { return false; }
        }

        public static FileAttributes GetAttributes(string path)
        {
            return System.IO.File.GetAttributes(Here(path));
        }

        public static DateTime GetLastWriteTimeUtc(string path)
        {
            return System.IO.File.GetLastWriteTimeUtc(Here(path));
        }

        public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
        {
            return System.IO.File.Open(Here(path), mode, access, share);
        }

        public static void Copy(string from, string to)
        {
            Door.Ask("{\"do\":\"writable\"}");
            System.IO.File.Copy(Here(from), Here(to));
        }

        public static void Copy(string from, string to, bool over)
        {
            System.IO.File.Copy(Here(from), Here(to), over);
        }

        public static void Move(string from, string to)
        {
            System.IO.File.Move(Here(from), Here(to));
        }

        public static void Replace(string from, string to, string backup)
        {
            System.IO.File.Delete(Here(to));
            System.IO.File.Move(Here(from), Here(to));
        }

        public static FileStream Create(string path)
        {
            return System.IO.File.Create(Here(path));
        }

        public static void SetAttributes(string path, FileAttributes attributes)
        {
            System.IO.File.SetAttributes(Here(path), attributes);
        }

        public static AccessList GetAccessControl(string path)
        {
            return AccessList.Of(path);
        }

        public static void Delete(string path)
        {
            System.IO.File.Delete(Here(path));
        }

        // Where the lab keeps what a Windows path means.
        internal static string Here(string path)
        {
            return Door.On("locate", path).Text;
        }
    }

    [StandsFor("IO.Directory")]
    public static class Directory
    {
        public static bool Exists(string path)
        {
            return System.IO.Directory.Exists(File.Here(path));
        }

        public static DirectoryInfo CreateDirectory(string path)
        {
            Door.Write("{\"write\":\"put_tree\",\"path\":" + Door.Quote(path) + "}");
            return new DirectoryInfo(File.Here(path));
        }

        public static void Move(string from, string to)
        {
            System.IO.Directory.Move(File.Here(from), File.Here(to));
        }

        public static AccessList GetAccessControl(string path)
        {
            return AccessList.Of(path);
        }

        public static void SetAccessControl(string path, AccessList list)
        {
            list.GiveTo(path);
        }

        public static string[] GetFiles(string path, string pattern)
        {
            var found = new List<string>();
            foreach (string file in System.IO.Directory.GetFiles(File.Here(path), pattern))
            {
                found.Add(path + "\\" + System.IO.Path.GetFileName(file));
            }
            return found.ToArray();
        }
    }

    [StandsFor("IO.Path")]
    public static class Path
    {
        public static string GetFullPath(string path)
        {
            return path;
        }

        public static string GetDirectoryName(string path)
        {
            int at = path.TrimEnd('\\').LastIndexOf('\\');
            return at < 0 ? null : path.Substring(0, at < 3 ? at + 1 : at).TrimEnd(at < 3 ? '/' : '\\');
        }

        public static string Combine(string folder, string file)
        {
            if (file == "" || file.StartsWith("\\") || file.IndexOf(':') >= 0) return file == "" ? folder : file;
            return folder.EndsWith("\\") ? folder + file : folder + "\\" + file;
        }
    }

    [StandsFor("IO.DriveInfo")]
    public sealed class DriveInfo
    {
        public string Name { get; private set; }
        public DriveType DriveType { get { return DriveType.Fixed; } }
        public bool IsReady { get { return true; } }
        public string DriveFormat { get; private set; }
        public long TotalSize { get; private set; }
        public long TotalFreeSpace { get; private set; }

        public static DriveInfo[] GetDrives()
        {
            var drives = new List<DriveInfo>();
            foreach (Reply disk in Door.Facts()["disks"].Items)
            {
                drives.Add(new DriveInfo
                {
                    Name = disk["name"].Text + "\\",
                    DriveFormat = disk["format"].Text,
                    TotalSize = long.Parse(disk["size_bytes"].Text),
                    TotalFreeSpace = long.Parse(disk["free_bytes"].Text),
                });
            }
            return drives.ToArray();
        }
    }

    [StandsFor("Xml.XmlDocument")]
    public sealed class XmlFile : System.Xml.XmlDocument
    {
        public override void Load(string path)
        {
            LoadXml(Door.On("xml", path).Text);
        }
    }

    // Variables have no letter case on Windows.
    [StandsFor("Environment")]
    public static class Variables
    {
        public static string ExpandEnvironmentVariables(string text)
        {
            return Door.On("expand", text).Text;
        }
    }

    // The clock of the simulated computer.
    [StandsFor("DateTime")]
    public static class Clock
    {
        public static DateTime UtcNow
        {
            get { return DateTime.UtcNow + Ahead; }
        }

        public static DateTime Now
        {
            get { return UtcNow.ToLocalTime(); }
        }

        static readonly TimeSpan Ahead = Skew();

        // Whole seconds are what the lab tells; less than two are the time of asking.
        static TimeSpan Skew()
        {
            TimeSpan ahead = Time(Door.Facts()["utc"].Text) - DateTime.UtcNow;
            return Math.Abs(ahead.TotalSeconds) < 2 ? TimeSpan.Zero : ahead;
        }

        public static DateTime Time(string utc)
        {
            return DateTime.Parse(utc, System.Globalization.CultureInfo.InvariantCulture).ToUniversalTime();
        }
    }

    // A name is the computer's alone; the lab has many computers on one machine.
    [StandsFor("Threading.Mutex")]
    public sealed class Mutex : IDisposable
    {
        readonly System.Threading.Mutex mutex;

        public Mutex(bool owned, string name)
        {
            string key = Environment.GetEnvironmentVariable("FARMHAND_LAB_HOST");
            mutex = new System.Threading.Mutex(owned, name + "-" + Regex.Replace(key, "[^0-9A-Za-z]", "-"));
        }

        public bool WaitOne(int milliseconds)
        {
            return mutex.WaitOne(milliseconds);
        }

        public void ReleaseMutex()
        {
            mutex.ReleaseMutex();
        }

        public void Dispose()
        {
            mutex.Dispose();
        }
    }
}
