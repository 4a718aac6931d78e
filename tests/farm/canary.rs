//! Values that must not be found anywhere, and the search for them.

use std::fs;
use std::path::Path;

use farmhand::secret::Redaction;
use farmhand::value::{MachineKey, SecretPart, SecretValue};

/// Secret values, each unlike anything else, and what would give them away.
#[derive(Default)]
pub struct Canaries {
    values: Vec<(String, String)>,
}

impl Canaries {
    /// A new value for a secret; its letters are those that escapes change.
    pub fn hatch(&mut self, name: &str) -> String {
        let song = farmhand::engine::nonce().unwrap().0;
        let value = format!("Aa0-{}<&>\"'\\é%{}", &song[..12], &song[12..24]);
        self.values.push((name.to_owned(), value.clone()));
        value
    }

    /// A new machine key; each of its two keys gives it away.
    pub fn hatch_machine_key(&mut self, name: &str) -> String {
        let key = MachineKey::generate(|bytes| getrandom::fill(bytes).unwrap()).to_secret();
        for part in [SecretPart::ValidationKey, SecretPart::DecryptionKey] {
            self.values.push((name.to_owned(), part.of(&key).unwrap().expose().to_owned()));
        }
        key.expose().to_owned()
    }

    /// The names of the secrets whose value, or an encoding of it, is somewhere in the bytes.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(bytes);
        let found = self.values.iter().filter(|(_, value)| {
            let value = SecretValue::new(value.clone());
            let utf16: Vec<u8> = value.expose().encode_utf16().flat_map(u16::to_le_bytes).collect();
            let in_utf16 = bytes.windows(utf16.len()).any(|window| window == utf16);
            in_utf16 || Redaction::new([&value]).clean(&text) != text
        });
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Every file below a folder in which one is, but for those that `may` have them; how many files were searched.
    pub fn found_below(&self, folder: &Path, may: &dyn Fn(&str) -> bool) -> (Vec<String>, usize) {
        let (mut found, mut searched) = (Vec::new(), 0);
        let mut folders = vec![folder.to_owned()];
        while let Some(current) = folders.pop() {
            for entry in fs::read_dir(&current).unwrap().flatten() {
                let path = entry.path();
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                if path.is_dir() {
                    folders.push(path);
                } else if !may(&name) {
                    searched += 1;
                    let bytes = fs::read(&path).unwrap();
                    let names = [self.found_in(&bytes), self.found_in(name.as_bytes())].concat();
                    found.extend(names.iter().map(|secret| format!("`{secret}` in {name}")));
                }
            }
        }
        (found, searched)
    }
}
