//! Archives, good and bad, made here byte by byte.

use std::fs;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::fault::InLocation;
use super::*;

/// An entry as an archive says it is; what is said need not be so.
struct Entry<'a> {
    name: &'a [u8],
    content: &'a [u8],
    flags: u16,
    method: u16,
    /// The system and the external attributes (APPNOTE 4.4.2.2, 4.4.15).
    attributes: (u8, u32),
    bytes: Option<u32>,
    checksum: Option<u32>,
}

const UNIX: u8 = 3;
const DOS: u8 = 0;
const DEFLATE: u16 = 8;

impl<'a> Entry<'a> {
    fn named(name: &'a str) -> Entry<'a> {
        Entry {
            name: name.as_bytes(),
            content: b"x",
            flags: 0x800,
            method: 0,
            attributes: (DOS, 0),
            bytes: None,
            checksum: None,
        }
    }

    fn written(&self, at: usize) -> (Vec<u8>, Vec<u8>) {
        let content = match self.method {
            DEFLATE => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(self.content).unwrap();
                encoder.finish().unwrap()
            }
            _ => self.content.to_vec(),
        };
        let size = |bytes: usize| u32::try_from(bytes).unwrap();
        let mut shared = Vec::new();
        shared.extend(20_u16.to_le_bytes());
        shared.extend(self.flags.to_le_bytes());
        shared.extend(self.method.to_le_bytes());
        shared.extend([0, 0, 0x21, 0]);
        shared.extend(self.checksum.unwrap_or_else(|| crc32(self.content)).to_le_bytes());
        shared.extend(size(content.len()).to_le_bytes());
        shared.extend(self.bytes.unwrap_or_else(|| size(self.content.len())).to_le_bytes());
        shared.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        shared.extend([0, 0]);
        let local = [b"PK\x03\x04", &shared[..], self.name, &content].concat();
        let mut directory = [b"PK\x01\x02", &[20, self.attributes.0][..], &shared, &[0; 6]].concat();
        directory.extend(self.attributes.1.to_le_bytes());
        directory.extend(size(at).to_le_bytes());
        directory.extend(self.name);
        (local, directory)
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// An archive of these entries. The `(n, m)` of `same` lays entry `m` over the bytes of entry `n`.
fn archive(entries: &[Entry], same: Option<(usize, usize)>) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let mut starts = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let over = same.filter(|(_, over)| *over == number).map(|(of, _)| starts[of]);
        let start = over.unwrap_or(bytes.len());
        let (local, header) = entry.written(start);
        starts.push(start);
        if over.is_none() {
            bytes.extend(local);
        }
        directory.extend(header);
    }
    let (start, length) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let count = u16::try_from(entries.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

fn opened(bytes: &[u8], limits: &Limits) -> Result<Package, PackageError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.zip");
    fs::write(&path, bytes).unwrap();
    Package::open_within(&path, limits)
}

fn refused(entries: &[Entry], expected: &[(Option<&str>, Fault)]) {
    let error = opened(&archive(entries, None), &Limits::default()).expect_err("it is refused");
    let expected: Vec<_> = expected.iter().map(|(name, fault)| (name.map(str::to_owned), fault.clone())).collect();
    assert_eq!(error.faults, expected);
    let message = error.to_string();
    for (name, fault) in &error.faults {
        let name = name.as_deref().unwrap_or_default().escape_debug().to_string();
        assert!(message.contains(&name) && message.contains(&fault.to_string()), "{message}");
    }
}

#[test]
fn bad_names_are_refused() {
    let device = |name: &str| Fault::Device(name.to_owned());
    let trailing = |name: &str| Fault::TrailingDotOrBlank(name.to_owned());
    for (name, fault) in [
        ("../../inetpub/wwwroot/shell.aspx", Fault::Step("..")),
        ("..\\shell.aspx", Fault::Step("..")),
        ("bin/../../shell.aspx", Fault::Step("..")),
        ("../", Fault::Step("..")),
        ("/shell.aspx", Fault::Absolute),
        ("\\shell.aspx", Fault::Absolute),
        ("C:\\shell.aspx", Fault::Drive),
        ("c:/shell.aspx", Fault::Drive),
        ("\\\\server\\share\\shell.aspx", Fault::Share),
        ("//server/share/shell.aspx", Fault::Share),
        ("CON", device("CON")),
        ("bin/nul.dll", device("nul")),
        ("com1.txt/a", device("com1")),
        ("web.config.", trailing("web.config.")),
        ("web.config ", trailing("web.config ")),
        ("web.config::$DATA", Fault::Forbidden(':')),
        ("a?b", Fault::Forbidden('?')),
        ("a\nb", Fault::Forbidden('\n')),
        ("a\u{85}b", Fault::Garbled('\u{85}')),
    ] {
        let content: &[u8] = if name.ends_with('/') { b"" } else { b"x" };
        let entries = [Entry::named("ok.txt"), Entry { content, ..Entry::named(name) }];
        refused(&entries, &[(Some(name), fault)]);
    }
    // "é" in code page 437, as old tools write it.
    refused(
        &[Entry { name: b"caf\x82.txt", flags: 0, ..Entry::named("") }],
        &[(Some("caf\u{FFFD}.txt"), Fault::NotUtf8)],
    );
}

#[test]
fn names_that_are_one_on_windows_are_refused() {
    let same = Fault::SameFile("bin/Chat.dll".to_owned());
    refused(&[Entry::named("bin/Chat.dll"), Entry::named("BIN\\chat.DLL")], &[(Some("BIN\\chat.DLL"), same)]);
    let folder = Fault::FileAndFolder("BIN/chat.dll".to_owned());
    refused(&[Entry::named("BIN/chat.dll"), Entry::named("bin")], &[(Some("bin"), folder)]);
    refused(&[Entry::named("a"), Entry::named("b"), Entry::named("a")], &[(Some("a"), Fault::Twice)]);
}

#[test]
fn links_and_devices_are_refused() {
    let linked = |attributes, fault| {
        refused(&[Entry { attributes, content: b"/etc", ..Entry::named("link") }], &[(Some("link"), fault)]);
    };
    linked((UNIX, 0o120_777 << 16), Fault::Link);
    linked((DOS, 0o120_777 << 16), Fault::Link);
    linked((DOS, 0x400), Fault::Link);
    linked((UNIX, 0o010_644 << 16), Fault::Special);
    linked((UNIX, 0o020_644 << 16), Fault::Special);
    assert!(
        opened(
            &archive(&[Entry { attributes: (UNIX, 0o100_644 << 16), ..Entry::named("a") }], None),
            &Limits::default()
        )
        .is_ok()
    );
}

#[test]
fn content_that_is_not_what_it_says_is_refused() {
    let damaged = |entry: Entry| {
        let faults = opened(&archive(&[entry], None), &Limits::default()).unwrap_err().faults;
        assert!(matches!(&faults[..], [(Some(name), Fault::Damaged(_))] if name == "a"), "{faults:?}");
    };
    damaged(Entry { checksum: Some(1), ..Entry::named("a") });
    damaged(Entry { bytes: Some(9), ..Entry::named("a") });
    damaged(Entry { bytes: Some(9), method: DEFLATE, ..Entry::named("a") });
    damaged(Entry { content: b"hello", bytes: Some(2), method: DEFLATE, ..Entry::named("a") });
    refused(&[Entry { flags: 0x801, content: &[0; 40], ..Entry::named("a") }], &[(Some("a"), Fault::Encrypted)]);
    let faults = opened(&archive(&[Entry { method: 12, ..Entry::named("a") }], None), &Limits::default()).unwrap_err();
    assert!(matches!(&faults.faults[..], [(Some(_), Fault::Method(_))]), "{faults}");
    let error = opened(&archive(&[], None), &Limits::default()).unwrap_err();
    assert_eq!(error.faults, [(None, Fault::Empty)]);
    refused(&[Entry { content: b"", ..Entry::named("folder/") }], &[(None, Fault::Empty)]);
}

#[test]
fn archives_made_to_fill_a_disk_are_refused() {
    let blank = vec![0; 17 * 1024 * 1024];
    let faults = opened(
        &archive(&[Entry { content: &blank, method: DEFLATE, checksum: Some(0), ..Entry::named("a") }], None),
        &Limits::default(),
    );
    assert!(matches!(&faults.unwrap_err().faults[..], [(Some(_), Fault::Ratio(200..))]));
    let two = [Entry::named("a"), Entry::named("b")];
    let over = opened(&archive(&two, Some((0, 1))), &Limits::default()).unwrap_err();
    assert_eq!(over.faults, [(None, Fault::Overlap)]);
    let limits = Limits { files: 1, bytes: 1 };
    let faults = opened(&archive(&two, None), &limits).unwrap_err().faults;
    assert_eq!(faults, [(None, Fault::TooManyFiles { files: 2, limit: 1 }), (None, Fault::TooManyBytes { limit: 1 })]);
    let many = [Entry::named("a"), Entry::named("b"), Entry::named("c"), Entry::named("d")];
    let faults = opened(&archive(&many, None), &limits).unwrap_err().faults;
    assert_eq!(faults, [(None, Fault::TooManyFiles { files: 4, limit: 1 })]);
    // What is said to be huge is refused before it is read.
    let huge =
        [Entry { bytes: Some(u32::MAX - 1), method: DEFLATE, checksum: Some(0), content: &blank, ..Entry::named("a") }];
    let faults = opened(&archive(&huge, None), &Limits::default()).unwrap_err().faults;
    assert!(matches!(&faults[..], [(Some(_), Fault::Ratio(_))]), "{faults:?}");
}

#[test]
fn a_machine_key_in_any_web_config_is_refused() {
    let content =
        b"<configuration><location path='.'><system.web><machineKey /></system.web></location></configuration>";
    for name in ["web.config", "Web.Config", "api/web.config"] {
        let fault = Fault::MachineKey(InLocation(Some(".".to_owned())));
        refused(&[Entry { content, method: DEFLATE, ..Entry::named(name) }], &[(Some(name), fault)]);
    }
    assert!(opened(&archive(&[Entry { content, ..Entry::named("web.config.bak") }], None), &Limits::default()).is_ok());
}

#[test]
fn everything_wrong_is_said_at_once() {
    let names: Vec<String> = (0..12).map(|number| format!("../{number}")).collect();
    let entries: Vec<Entry> = names.iter().map(|name| Entry::named(name)).collect();
    let message = opened(&archive(&entries, None), &Limits::default()).unwrap_err().to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].ends_with("chat.zip` cannot be delivered"), "{message}");
    assert_eq!(lines[1], "  `../0`: the path steps through `..`, and could leave the release's folder");
    assert_eq!((lines.len(), lines[11]), (12, "  and 2 more"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_zip_and_its_folder_are_the_same_package(
        files in prop::collection::btree_map("([a-m]{1,3}/){0,2}[n-z]{1,2}", (prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 1..6),
        slice in 1_usize..1500,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, (content, deflated)) in &files {
            let method = if *deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
            writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
            writer.write_all(content).unwrap();
            let file = folder.path().join("f").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        writer.finish().unwrap();
        let (zipped, plain) = (Package::open(&path).unwrap(), Package::open(&folder.path().join("f")).unwrap());
        prop_assert_eq!(zipped.files(), plain.files());
        prop_assert_eq!(zipped.files().len(), files.len());
        for (name, (content, _)) in &files {
            let name = name.replace('/', "\\");
            for package in [&zipped, &plain] {
                let mut read = Vec::new();
                while let Some(more) = Some(package.read(&name, read.len() as u64, slice).unwrap()).filter(|it| !it.is_empty()) {
                    read.extend(more);
                }
                prop_assert_eq!(&read, content);
                // Out of order, as when an upload goes on at a chunk that was lost.
                let middle = content.len() / 2;
                prop_assert_eq!(package.read(&name, middle as u64, slice).unwrap(), &content[middle..content.len().min(middle + slice)]);
                let mut whole = Vec::new();
                package.reader(&name).unwrap().read_to_end(&mut whole).unwrap();
                prop_assert_eq!(&whole, content);
            }
        }
    }

    #[test]
    fn no_archive_panics(flips in prop::collection::vec((0_usize..400, any::<u8>()), 0..6)) {
        let mut bytes = archive(&[
            Entry { content: b"<configuration />", method: DEFLATE, ..Entry::named("web.config") },
            Entry::named("bin/a.dll"),
        ], None);
        for (at, value) in flips {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        let _ = opened(&bytes, &Limits::default());
    }
}
