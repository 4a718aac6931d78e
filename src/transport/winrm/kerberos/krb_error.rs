//! What a domain or a host says when it refuses (KRB-ERROR, RFC 4120 5.9.1), and what that means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::der;
use crate::codes;

/// No error: the domain wants proof first (KDC_ERR_PREAUTH_REQUIRED).
pub const PREAUTH_REQUIRED: i64 = 25;
/// The domain knows no account of that name (KDC_ERR_C_PRINCIPAL_UNKNOWN).
pub const UNKNOWN_CLIENT: i64 = 6;
/// That KDC cannot serve just now (KDC_ERR_SVC_UNAVAILABLE).
pub const UNAVAILABLE: i64 = 29;
/// The service is unknown (KDC_ERR_S_PRINCIPAL_UNKNOWN).
const UNKNOWN_SERVICE: i64 = 7;
/// The account is of another realm (KDC_ERR_WRONG_REALM).
const WRONG_REALM: i64 = 68;
/// There is no encryption type in common (KDC_ERR_ETYPE_NOSUPP).
const NO_COMMON_TYPE: i64 = 14;
/// The ticket could not be opened, as a host of MIT's says it (KRB_AP_ERR_BAD_INTEGRITY), and as Windows does
/// (KRB_AP_ERR_MODIFIED).
const BAD_INTEGRITY: i64 = 31;
const MODIFIED: i64 = 41;
/// The clocks differ too much (KRB_AP_ERR_SKEW).
const SKEW: i64 = 37;
/// The ticket is over (KRB_AP_ERR_TKT_EXPIRED).
pub const EXPIRED: i64 = 32;
/// The ticket is not valid yet (KRB_AP_ERR_TKT_NYV).
const NOT_YET: i64 = 33;

/// aes256-cts-hmac-sha1-96 (RFC 3962), the encryption type of logins.
const AES256: i64 = 18;

/// The mark of a KRB-ERROR.
const TAG: u8 = 0x7E;

/// A refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KrbError {
    /// Its code (RFC 4120 7.5.9).
    pub code: i64,
    /// What its speaker's clock showed, in seconds since 1970.
    pub server_seconds: Option<u64>,
    /// The realm of the client; in answer to a wrong realm, the right one.
    pub client_realm: Option<String>,
    /// What its speaker adds in words.
    pub text: Option<String>,
    /// Windows' own status, where a domain controller adds it (MS-KILE 2.2.2).
    pub status: Option<u32>,
    /// The encryption types of the account's keys, where it asks for proof by one of them (RFC 4120 5.2.7.5).
    pub key_types: Option<Vec<i64>>,
}

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A key distribution centre: a domain controller.
    Kdc,
    /// The host itself.
    Host,
}

impl KrbError {
    /// Reads a message, which may be something else.
    pub fn parse(message: &[u8]) -> Option<KrbError> {
        let fields = der::inside(der::inside(message, TAG)?, 0x30)?;
        let text = |number| der::field(fields, number).and_then(general_string);
        let data = der::field(fields, 12).and_then(|data| der::inside(data, 0x04));
        Some(KrbError {
            code: der::integer(der::field(fields, 6)?)?,
            server_seconds: der::field(fields, 4).and_then(|time| der::inside(time, 0x18)).and_then(generalized_time),
            client_realm: text(7),
            text: text(11),
            status: data.and_then(windows_status),
            key_types: data.and_then(key_types),
        })
    }

    /// How far the speaker's clock is ahead of `now`, in seconds; negative where it is behind.
    pub fn ahead_seconds(&self, now: SystemTime) -> Option<i64> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        i64::try_from(self.server_seconds?).ok()?.checked_sub_unsigned(now)
    }

    /// What to say in place of a wrong key's refusal, where the account has no key that is used here: to try one all
    /// the same would count towards its lock-out.
    pub fn lacks_key(&self) -> Option<KrbError> {
        let types = self.key_types.as_ref().filter(|_| self.code == PREAUTH_REQUIRED)?;
        (!types.contains(&AES256)).then(|| KrbError { code: NO_COMMON_TYPE, ..KrbError::default() })
    }

    /// What is wrong and what to do. `spn` is the service that was asked for, `now` this machine's time.
    pub fn explain(&self, speaker: Speaker, spn: &str, now: SystemTime) -> String {
        let code = self.code;
        let entry = match (speaker, code) {
            (Speaker::Host, BAD_INTEGRITY) => codes::kerberos(MODIFIED),
            _ => codes::kerberos(code),
        };
        let mut told = match (entry, speaker) {
            (Some(entry), _) => entry.means.clone(),
            (None, Speaker::Kdc) => "the domain refused with a code that nobody explains".to_owned(),
            (None, Speaker::Host) => "the host refused with a code that nobody explains".to_owned(),
        };
        match code {
            UNKNOWN_SERVICE => told.push_str(&format!("; asked for `{spn}`, which `spn:` changes")),
            WRONG_REALM => {
                if let Some(realm) = &self.client_realm {
                    told.push_str(&format!("; it names `{realm}`"));
                }
            }
            // A ticket's times are those of the domain's clock, so a host that thinks it over has another one.
            SKEW | EXPIRED | NOT_YET => {
                if let Some(ahead) = self.ahead_seconds(now) {
                    let whose = if speaker == Speaker::Kdc { "the domain's clock" } else { "the host's clock" };
                    told.push_str(&format!("; {whose} is {}", ahead_in_words(ahead)));
                }
            }
            _ => {}
        }
        if let Some(status) = self.status.and_then(status_in_words) {
            told.push_str(&format!("; it adds: {status}"));
        } else if let Some(text) = self.text.as_ref().filter(|_| entry.is_none() || code == 60) {
            told.push_str(&format!("; it adds: {text}"));
        }
        let (name, todo) = entry.map_or(("code", ""), |entry| (entry.name.as_str(), entry.todo.as_str()));
        let todo = if todo.is_empty() { String::new() } else { format!("; {todo}") };
        let code = entry.map_or(code.to_string(), |entry| entry.codes[0].clone());
        format!("{told}{todo} ({name} {code}, more by: farmhand explain 'kerberos {code}')")
    }
}

/// A difference of clocks as people say it.
pub fn ahead_in_words(ahead_seconds: i64) -> String {
    let seconds = ahead_seconds.unsigned_abs();
    let amount = match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours and {} minutes", seconds / 3600, seconds / 60 % 60),
    };
    match ahead_seconds {
        0 => "the same as this machine's to the second".to_owned(),
        1.. => format!("{amount} ahead of this machine's"),
        _ => format!("{amount} behind this machine's"),
    }
}

/// The text of a KerberosString: a GeneralString, or what others write in its place.
fn general_string(bytes: &[u8]) -> Option<String> {
    let (element, _) = der::take(bytes)?;
    let text = String::from_utf8_lossy(element.content);
    // Some end it with a NUL, as C does.
    Some(text.chars().filter(|c| !c.is_control()).collect())
}

/// `20261121213040Z` as seconds since 1970.
fn generalized_time(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = |at: usize, length: usize| digits[at..at + length].parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 2)?, number(6, 2)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the day a leap year adds is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + number(8, 2)?) * 60 + number(10, 2)?) * 60 + number(12, 2)?)
}

/// The NTSTATUS in KERB-ERROR-DATA of type KERB_ERR_TYPE_EXTENDED (MS-KILE 2.2.1 and 2.2.2).
fn windows_status(data: &[u8]) -> Option<u32> {
    const EXTENDED: i64 = 3;
    let fields = der::inside(data, 0x30)?;
    // Some wrap it into a list.
    let fields = der::inside(fields, 0x30).unwrap_or(fields);
    if der::integer(der::field(fields, 1)?)? != EXTENDED {
        return None;
    }
    let value = der::inside(der::field(fields, 2)?, 0x04)?;
    Some(u32::from_le_bytes(*value.first_chunk::<4>()?))
}

/// The encryption types in the ETYPE-INFO2 of a METHOD-DATA (RFC 4120 5.2.7.5); `None` where there is none.
fn key_types(data: &[u8]) -> Option<Vec<i64>> {
    const ETYPE_INFO2: i64 = 19;
    let fields =
        der::each(der::inside(data, 0x30)?).filter(|element| element.tag == 0x30).map(|element| element.content);
    let mut infos = fields.filter(|fields| der::field(fields, 1).and_then(der::integer) == Some(ETYPE_INFO2));
    let info = der::inside(der::field(infos.next()?, 2)?, 0x04)?;
    let entries = der::each(der::inside(info, 0x30)?);
    Some(entries.filter_map(|entry| der::integer(der::field(entry.content, 0)?)).collect())
}

/// What a status says of an account (MS-ERREF 2.3.1); `None` where it adds nothing.
fn status_in_words(status: u32) -> Option<&'static str> {
    Some(match status {
        0xC000_0064 => "there is no such account",
        0xC000_006A => "the password is wrong",
        0xC000_006F => "the account may not log on at this hour",
        0xC000_0070 => "the account may not log on from this machine",
        0xC000_0071 => "the password has expired",
        0xC000_0072 => "the account is disabled",
        0xC000_0133 => "the clocks differ too much",
        0xC000_015B => "the account has not been granted this kind of log-on",
        0xC000_0193 => "the account has expired",
        0xC000_0224 => "the password must be changed at the first log-on",
        0xC000_0234 => "the account is locked out",
        0xC000_0413 => "a trust with selective authentication does not let the account reach this host",
        _ => return None,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn integer(number: u8) -> Vec<u8> {
        der::wrap(0x02, &[&[number]])
    }

    /// A message of a code, said at `time`, with the realm `REAL.EXAMPLE` and whatever data.
    pub fn message(code: u8, time: &str, data: Option<&[u8]>) -> Vec<u8> {
        let mut fields = vec![
            der::wrap(0xA0, &[&integer(5)]),
            der::wrap(0xA1, &[&integer(30)]),
            der::wrap(0xA4, &[&der::wrap(0x18, &[time.as_bytes()])]),
            der::wrap(0xA5, &[&integer(0)]),
            der::wrap(0xA6, &[&integer(code)]),
            der::wrap(0xA7, &[&der::wrap(0x1B, &[b"REAL.EXAMPLE"])]),
            der::wrap(0xAB, &[&der::wrap(0x1B, &[b"TOO LATE\0"])]),
        ];
        if let Some(data) = data {
            fields.push(der::wrap(0xAC, &[&der::wrap(0x04, &[data])]));
        }
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        der::wrap(TAG, &[&der::wrap(0x30, &fields)])
    }

    fn extended(status: u32) -> Vec<u8> {
        let value = [status.to_le_bytes(), [0; 4], [1, 0, 0, 0]].concat();
        der::wrap(0x30, &[&der::wrap(0xA1, &[&integer(3)]), &der::wrap(0xA2, &[&der::wrap(0x04, &[&value])])])
    }

    fn explained(speaker: Speaker, code: u8, data: Option<&[u8]>) -> String {
        // 2026-11-21T12:34:56Z.
        let now = UNIX_EPOCH + Duration::from_secs(1_795_264_496);
        let error = KrbError::parse(&message(code, "20261121124956Z", data)).unwrap();
        error.explain(speaker, "HTTP/web01.corp.example", now)
    }

    #[test]
    fn each_refusal_has_a_message_of_its_own() {
        let check = |code: u8, parts: &[&str]| {
            let told = explained(Speaker::Kdc, code, None);
            for part in parts {
                assert!(told.contains(part), "{told:?} lacks {part:?}");
            }
        };
        check(6, &["knows no account of that name", "KDC_ERR_C_PRINCIPAL_UNKNOWN 6", "farmhand explain 'kerberos 6'"]);
        check(7, &["asked for `HTTP/web01.corp.example`", "`spn:`", "full DNS name"]);
        check(14, &["no encryption type in common", "msDS-SupportedEncryptionTypes"]);
        check(18, &["disabled, locked out or expired"]);
        check(23, &["the password has expired", "secret set"]);
        check(24, &["the password is wrong; with a keytab"]);
        check(37, &["the clocks differ", "the domain's clock is 15 minutes ahead of this machine's"]);
        check(41, &["made for another account"]);
        check(68, &["another realm", "it names `REAL.EXAMPLE`"]);
        check(99, &["a code that nobody explains; it adds: TOO LATE (code 99"]);
        let host = explained(Speaker::Host, 37, None);
        assert!(host.contains("the host's clock is 15 minutes ahead"), "{host}");
        let host = explained(Speaker::Host, 32, None);
        assert!(host.contains("the ticket has expired") && host.contains("the host's clock is 15 minutes"), "{host}");
    }

    #[test]
    fn what_a_domain_controller_adds_is_told() {
        let told = explained(Speaker::Kdc, 18, Some(&extended(0xC000_0234)));
        assert!(told.contains("it adds: the account is locked out; unlock or enable it"), "{told}");
        let told = explained(Speaker::Kdc, 18, Some(&der::wrap(0x30, &[&extended(0xC000_0072)])));
        assert!(told.contains("it adds: the account is disabled"), "{told}");
        let told = explained(Speaker::Kdc, 24, Some(&extended(0xC123_4567)));
        assert!(!told.contains("adds"), "{told}");
    }

    #[test]
    fn a_host_that_cannot_open_a_ticket_says_so_in_two_ways() {
        assert_eq!(explained(Speaker::Host, 31, None), explained(Speaker::Host, 41, None));
        assert!(explained(Speaker::Kdc, 31, None).contains("KRB_AP_ERR_BAD_INTEGRITY 31"));
    }

    #[test]
    fn an_account_without_a_long_key_is_known_before_a_wrong_one_is_tried() {
        let lacks = |types: &[u8]| {
            let entries: Vec<Vec<u8>> =
                types.iter().map(|it| der::wrap(0x30, &[&der::wrap(0xA0, &[&integer(*it)])])).collect();
            let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
            let info = der::wrap(0x30, &entries);
            let padata = |kind: u8, value: &[u8]| {
                der::wrap(0x30, &[&der::wrap(0xA1, &[&integer(kind)]), &der::wrap(0xA2, &[&der::wrap(0x04, &[value])])])
            };
            let data = der::wrap(0x30, &[&padata(2, b""), &padata(19, &info)]);
            KrbError::parse(&message(25, "20261121124956Z", Some(&data))).unwrap().lacks_key().map(|error| error.code)
        };
        assert_eq!(lacks(&[17, 18]), None);
        assert_eq!(lacks(&[17, 23]), Some(14));
        assert_eq!(KrbError::parse(&message(25, "20261121124956Z", None)).unwrap().lacks_key(), None);
    }

    #[test]
    fn differences_of_clocks_are_told_in_words() {
        let check = |seconds: i64, expected: &str| assert_eq!(ahead_in_words(seconds), expected);
        check(0, "the same as this machine's to the second");
        check(-61, "61 seconds behind this machine's");
        check(600, "10 minutes ahead of this machine's");
        check(-9000, "2 hours and 30 minutes behind this machine's");
    }

    #[test]
    fn times_are_read_as_they_are_written_elsewhere() {
        for seconds in [0, 951_782_400, 1_709_251_199, 1_795_264_496, 4_107_542_400] {
            let text = crate::value::utc_text(UNIX_EPOCH + Duration::from_secs(seconds));
            let digits: String = text.chars().filter(char::is_ascii_digit).chain(['Z']).collect();
            assert_eq!(generalized_time(digits.as_bytes()), Some(seconds), "{text}");
        }
        for wrong in ["", "Z", "2026112112345Z", "20261321123456Z", "00001121123456Z", "2026112112345xZ"] {
            assert_eq!(generalized_time(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(at: proptest::sample::Index, to: u8, cut in 0usize..200) {
            let mut whole = message(37, "20261121124956Z", Some(&extended(5)));
            let at = at.index(whole.len());
            whole[at] = to;
            let _ = KrbError::parse(&whole);
            let _ = KrbError::parse(&whole[..cut.min(whole.len())]);
        }
    }
}
