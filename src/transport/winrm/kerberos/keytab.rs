//! Keytab files: an account's long-term keys, in place of its password (MIT's format, version 0x502).

use zeroize::Zeroizing;

/// aes256-cts-hmac-sha1-96, the encryption type that farmhand logs in by (RFC 3962).
const AES256_CTS_HMAC_SHA1_96: u16 = 18;
/// The size of its keys.
const AES256_KEY_BYTES: usize = 32;

/// The marks at the beginning of a file: format 5, version 2, in network byte order.
const VERSION: [u8; 2] = [5, 2];

/// A principal's name in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Its components, such as `deploy` or `HTTP`, `web01.corp.example`.
    pub components: Vec<String>,
    /// Its realm.
    pub realm: String,
}

/// One key. It has no Debug, so that no log shows it.
pub struct Entry {
    /// Whose.
    pub principal: Principal,
    /// Its version.
    version: u32,
    /// Its encryption type (RFC 3961 7.1).
    encryption_type: u16,
    key: Zeroizing<Vec<u8>>,
}

/// A file. It has no Debug, so that no log shows it.
pub struct Keytab {
    entries: Vec<Entry>,
}

/// An AES-256 key that was chosen from a file.
pub struct ChosenKey<'a> {
    /// Whose it is.
    pub principal: &'a Principal,
    /// Its bytes.
    pub key: &'a [u8],
}

impl Keytab {
    /// Reads a file's bytes.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Keytab, String> {
        let Some(mut rest) = bytes.strip_prefix(&VERSION) else {
            return Err(match bytes {
                [5, 1, ..] => "it is of version 0x501, which nothing has written for 20 years; make it anew".to_owned(),
                _ => "it is no keytab: it does not begin with the bytes 05 02".to_owned(),
            });
        };
        let mut entries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let size = usize::try_from(length.unsigned_abs()).map_err(|_| "an entry is too long".to_owned())?;
            // Some tools fill the end of a file up with zeros.
            if size == 0 {
                break;
            }
            let (entry, after) = after.split_at_checked(size).ok_or("its last entry is cut short")?;
            rest = after;
            // A negative length is the hole that a deleted entry left.
            if length > 0 {
                entries.push(Entry::parse(entry).ok_or("an entry is malformed")?);
            }
        }
        if entries.is_empty() { Err("it holds no key".to_owned()) } else { Ok(Keytab { entries }) }
    }

    /// The newest AES-256 key of an account; of the first one in the file where none is named.
    ///
    /// # Errors
    ///
    /// What the file holds instead.
    pub fn choose(&self, name: Option<(&str, Option<&str>)>) -> Result<ChosenKey<'_>, String> {
        let first = &self.entries.first().ok_or("it holds no key")?.principal;
        let (wanted, realm) = match name {
            Some((user, realm)) => (user.to_owned(), realm.map(str::to_owned)),
            None => (first.components.join("/"), Some(first.realm.clone())),
        };
        let is_wanted = |entry: &&Entry| {
            entry.principal.components.join("/").eq_ignore_ascii_case(&wanted)
                && realm.as_deref().is_none_or(|realm| entry.principal.realm.eq_ignore_ascii_case(realm))
        };
        let own: Vec<&Entry> = self.entries.iter().filter(is_wanted).collect();
        if own.is_empty() {
            let mut held: Vec<String> = self.entries.iter().map(|entry| entry.principal.to_string()).collect();
            held.dedup();
            let wanted = realm.map_or(wanted.clone(), |realm| format!("{wanted}@{realm}"));
            return Err(format!("it holds no key of `{wanted}` (it holds those of: {})", held.join(", ")));
        }
        let usable = own.iter().filter(|entry| entry.is_aes256());
        match usable.max_by_key(|entry| entry.version) {
            Some(entry) => Ok(ChosenKey { principal: &entry.principal, key: &entry.key }),
            None => Err(format!("it holds no AES-256 key of `{}`; make it anew with one", own[0].principal)),
        }
    }
}

impl Entry {
    fn parse(bytes: &[u8]) -> Option<Entry> {
        let (count, mut rest) = number16(bytes)?;
        let mut texts = Vec::new();
        for _ in 0..=count {
            let (text, after) = counted(rest)?;
            texts.push(String::from_utf8(text.to_vec()).ok()?);
            rest = after;
        }
        let realm = texts.remove(0);
        // The type of the name and the time, four bytes each, change nothing for a client.
        let (_, rest) = rest.split_at_checked(8)?;
        let (short_version, rest) = rest.split_first()?;
        let (encryption_type, rest) = number16(rest)?;
        let (key, rest) = counted(rest)?;
        // Files of today carry the version once more in 32 bits; 0 says that they do not.
        let long_version = rest.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)).filter(|it| *it != 0);
        let version = long_version.unwrap_or(u32::from(*short_version));
        let principal = Principal { components: texts, realm };
        Some(Entry { principal, version, encryption_type, key: Zeroizing::new(key.to_vec()) })
    }

    fn is_aes256(&self) -> bool {
        self.encryption_type == AES256_CTS_HMAC_SHA1_96 && self.key.len() == AES256_KEY_BYTES
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.components.join("/"), self.realm)
    }
}

fn number16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), rest))
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number16(bytes)?;
    rest.split_at_checked(usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    }

    fn entry(components: &[&str], version: u32, encryption_type: u16, key: &[u8]) -> Vec<u8> {
        let mut body = u16::try_from(components.len()).unwrap().to_be_bytes().to_vec();
        body.extend(text("CORP.EXAMPLE"));
        for component in components {
            body.extend(text(component));
        }
        body.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        body.push(version.to_be_bytes()[3]);
        body.extend(encryption_type.to_be_bytes());
        body.extend(u16::try_from(key.len()).unwrap().to_be_bytes());
        body.extend(key);
        body.extend(version.to_be_bytes());
        [&i32::try_from(body.len()).unwrap().to_be_bytes(), body.as_slice()].concat()
    }

    fn file(entries: &[Vec<u8>]) -> Vec<u8> {
        [VERSION.to_vec(), entries.concat()].concat()
    }

    fn deploy() -> Vec<u8> {
        let hole = [(-3i32).to_be_bytes().to_vec(), vec![9; 3]].concat();
        file(&[
            entry(&["HTTP", "web01.corp.example"], 1, 18, &[7; 32]),
            entry(&["deploy"], 300, 18, &[1; 32]),
            hole,
            entry(&["deploy"], 301, 17, &[2; 16]),
            entry(&["deploy"], 301, 18, &[3; 32]),
            entry(&["deploy"], 302, 23, &[4; 16]),
            entry(&["old"], 1, 23, &[5; 16]),
            vec![0; 16],
        ])
    }

    fn chosen(name: Option<(&str, Option<&str>)>) -> Result<(String, u8), String> {
        let keytab = Keytab::parse(&deploy())?;
        let chosen = keytab.choose(name)?;
        Ok((chosen.principal.to_string(), chosen.key[0]))
    }

    #[test]
    fn the_newest_long_key_is_chosen() {
        let deploy = Ok(("deploy@CORP.EXAMPLE".to_owned(), 3));
        assert_eq!(chosen(Some(("deploy", None))), deploy);
        assert_eq!(chosen(Some(("Deploy", Some("corp.example")))), deploy);
        let first = ("HTTP/web01.corp.example@CORP.EXAMPLE".to_owned(), 7);
        assert_eq!(chosen(None), Ok(first));
    }

    #[test]
    fn what_the_file_lacks_is_named() {
        let error = chosen(Some(("deploy", Some("OTHER.EXAMPLE")))).unwrap_err();
        assert!(
            error.starts_with("it holds no key of `deploy@OTHER.EXAMPLE` (it holds those of: HTTP/web01"),
            "{error}"
        );
        let error = chosen(Some(("old", None))).unwrap_err();
        assert_eq!(error, "it holds no AES-256 key of `old@CORP.EXAMPLE`; make it anew with one");
    }

    #[test]
    fn what_is_no_keytab_is_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Keytab::parse(bytes).err().unwrap_or_default();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        };
        check(b"-----BEGIN", "no keytab");
        check(&[5, 1, 0], "0x501");
        check(&[5, 2], "no key");
        let whole = deploy();
        check(&whole[..whole.len() - 40], "cut short");
        check(&[5, 2, 0, 0, 0, 2, 0, 9], "malformed");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(bytes in proptest::prelude::any::<Vec<u8>>(), at: proptest::sample::Index, to: u8) {
            let _ = Keytab::parse(&[VERSION.to_vec(), bytes].concat());
            let mut whole = deploy();
            let at = at.index(whole.len());
            whole[at] = to;
            let _ = Keytab::parse(&whole).map(|keytab| keytab.choose(None).map(|chosen| chosen.key.len()));
        }
    }
}
