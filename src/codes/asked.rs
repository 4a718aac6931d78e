//! Finding an entry by a code as people write it.

use super::{Area, Entry, entries};

/// Facilities of HRESULTs: the upper half, who uses it, and where to look.
const FACILITIES: &[(u32, Area, &str)] = &[
    (0x8033, Area::Winrm, "0x8033.... is WinRM's; on Windows: winrm helpmsg"),
    (0x8009, Area::Sspi, "0x8009.... is of log-ins, TLS or certificates; on Windows: certutil -error"),
    (0x800B, Area::Sspi, "0x800B.... is of certificates; on Windows: certutil -error"),
    (0x8007, Area::Windows, "0x8007.... is a system error of Windows; on Windows: net helpmsg"),
    (0x800F, Area::Windows, "0x800F.... is of setup and servicing; see C:\\Windows\\Logs\\CBS\\CBS.log"),
    (0x8013, Area::Windows, "0x8013.... is .NET's"),
    (0xC000, Area::Windows, "0xC000.... is an NTSTATUS of Windows; on Windows: certutil -error"),
];

/// The upper half of the HRESULTs that hold a system error of Windows.
const SYSTEM: u32 = 0x8007;

/// How many entries are named that may be meant, besides those whose codes go on where the question ends.
const MOST_NEAR: usize = 5;

/// One way to write a code, so that all ways to write it are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Spelling {
    /// A number of 32 bits.
    Number(u32),
    /// Words and numbers with `/` between, in small letters.
    Words(String),
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// What is known of the code.
    Known(Vec<Found>),
    /// Nothing is; what may be meant.
    Unknown {
        /// Entries whose codes are close.
        near: Vec<&'static Entry>,
        /// What the number itself tells.
        hint: Option<String>,
    },
}

/// An entry that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry.
    pub entry: &'static Entry,
    /// Entries that tell it more closely, such as the states of an error.
    pub closer: Vec<&'static Entry>,
}

/// Looks a code up, in whatever spelling.
pub fn look_up(asked: &str) -> Asked {
    let question = Question::read(asked);
    let of_area = || entries().iter().filter(|entry| question.area.is_none_or(|area| area == entry.area));
    let fits = |entry: &&Entry| entry.codes.iter().any(|code| question.means(&spellings(entry.area, code)));
    let named = |entry: &&Entry| !question.text.is_empty() && words(&entry.name) == question.text;
    let found: Vec<&Entry> = of_area().filter(|entry| fits(entry) || named(entry)).collect();
    if !found.is_empty() {
        return Asked::Known(found.into_iter().map(|entry| Found { entry, closer: closer(entry) }).collect());
    }
    // One word can be all that is remembered of a code, as `CBT` of `401.cbt`.
    let has_all = |text: &String| has_words(text, &question.text);
    let of_words: Vec<&Entry> = of_area().filter(|entry| entry.codes.iter().any(has_all)).collect();
    if let [one] = of_words.as_slice() {
        return Asked::Known(vec![Found { entry: one, closer: closer(one) }]);
    }
    let parts = of_area().filter(|it| it.codes.iter().any(|code| words(code).starts_with(&question.head())));
    let told = of_area().filter(|it| it.codes.iter().chain([&it.name, &it.means]).any(has_all));
    let mut near: Vec<&Entry> = parts.collect();
    for entry in close(&question, of_area()).into_iter().chain(told) {
        if near.len() < MOST_NEAR && !near.contains(&entry) {
            near.push(entry);
        }
    }
    Asked::Unknown { near, hint: question.hint() }
}

/// Whether a text has every word of a question, of which none is a mere number and one at least is of three letters.
fn has_words(text: &str, question: &str) -> bool {
    let there = tokens(text);
    let is_word = |word: &str| word.len() >= 3 && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    question.split('/').all(|word| is_word(word) && there.iter().any(|it| it == word))
}

/// The entries whose codes go on where this one's ends, as `18456/8` does `18456`.
fn closer(entry: &'static Entry) -> Vec<&'static Entry> {
    let heads: Vec<String> = entry.codes.iter().map(|code| format!("{}/", words(code))).collect();
    let goes_on = |code: &String| heads.iter().any(|head| words(code).starts_with(head));
    let same = entries().iter().filter(|other| other.area == entry.area && *other != entry);
    same.filter(|other| other.codes.iter().any(goes_on)).collect()
}

/// Entries whose codes or names are close to what was asked.
fn close(question: &Question, among: impl Iterator<Item = &'static Entry>) -> Vec<&'static Entry> {
    let allowed = (question.text.chars().count() / 4).max(1);
    let distance = |entry: &Entry| {
        let texts = entry.codes.iter().chain([&entry.name]);
        texts.map(|text| strsim::damerau_levenshtein(&words(text), &question.text)).min().unwrap_or(usize::MAX)
    };
    // What is no code at all would be compared at the cost of its length.
    if question.text.len() > 64 || question.text.len() < 3 {
        return Vec::new();
    }
    let mut close: Vec<(usize, &Entry)> =
        among.map(|entry| (distance(entry), entry)).filter(|(distance, _)| *distance <= allowed).collect();
    close.sort_by_key(|(distance, _)| *distance);
    close.into_iter().map(|(_, entry)| entry).collect()
}

/// A code as it was asked for.
struct Question {
    /// The area that was named with it.
    area: Option<Area>,
    /// The numbers that it can be.
    numbers: Vec<u32>,
    /// Its words.
    text: String,
}

impl Question {
    fn read(asked: &str) -> Question {
        let mut area = None;
        let mut rest = Vec::new();
        let mut skip = false;
        for token in tokens(asked) {
            if std::mem::take(&mut skip) {
                continue;
            }
            match token.as_str() {
                // `Msg 18456, Level 14, State 8`: the level says nothing that the number does not.
                "level" | "severity" => skip = true,
                other => match area_of(other) {
                    Some(named) if area.is_none() => area = Some(named),
                    _ => rest.push(token),
                },
            }
        }
        let numbers = match rest.as_slice() {
            [one] => numbers(one),
            _ => Vec::new(),
        };
        Question { area, numbers, text: rest.join("/") }
    }

    /// Whether one of an entry's spellings is meant.
    fn means(&self, spellings: &[Spelling]) -> bool {
        spellings.iter().any(|spelling| match spelling {
            Spelling::Number(number) => self.numbers.contains(number),
            Spelling::Words(words) => *words == self.text,
        })
    }

    /// How the codes begin that tell it more closely, as `404/` those of `404`.
    fn head(&self) -> String {
        format!("{}/", self.text)
    }

    /// What a number that nobody listed still tells.
    fn hint(&self) -> Option<String> {
        let (number, (_, _, hint)) = self.numbers.iter().find_map(|number| {
            let facility = FACILITIES.iter().find(|(upper, ..)| *upper == number >> 16)?;
            Some((*number, facility))
        })?;
        let typed = if number >> 16 == SYSTEM { (number & 0xFFFF).to_string() } else { format!("{number:#010X}") };
        let typed = typed.replace("0X", "0x");
        let asks = hint.contains("on Windows:");
        Some(if asks { format!("{hint} {typed}") } else { (*hint).to_owned() })
    }
}

/// The ways in which a code of an entry is found.
pub(super) fn spellings(area: Area, code: &str) -> Vec<Spelling> {
    let tokens = tokens(code);
    let numbers = if let [one] = tokens.as_slice() { numbers(one) } else { Vec::new() };
    if numbers.is_empty() {
        return vec![Spelling::Words(tokens.join("/"))];
    }
    // A system error of Windows is the same with `0x8007` before it.
    let system = |number: u32| match number >> 16 {
        0 if area == Area::Windows => Some(number | SYSTEM << 16),
        SYSTEM if area == Area::Windows => Some(number & 0xFFFF),
        _ => None,
    };
    let others: Vec<u32> = numbers.iter().filter_map(|number| system(*number)).collect();
    numbers.into_iter().chain(others).map(Spelling::Number).collect()
}

/// The numbers that a word can be: decimal with or without sign, hexadecimal with `0x` or in eight digits.
fn numbers(word: &str) -> Vec<u32> {
    let mut found = Vec::new();
    if let Some(digits) = word.strip_prefix("0x") {
        found.extend(u32::from_str_radix(digits, 16));
    } else {
        found.extend(word.parse::<u32>().ok());
        found.extend(word.parse::<i32>().ok().map(i32::cast_unsigned));
        if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.extend(u32::from_str_radix(word, 16));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn words(text: &str) -> String {
    tokens(text).join("/")
}

/// Words and numbers in small letters, without what says nothing.
fn tokens(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let split =
        text.split(|c: char| c.is_whitespace() || matches!(c, '/' | ',' | ':' | '.' | '(' | ')' | '`' | '\'' | '"'));
    let empty =
        ["", "error", "code", "msg", "message", "event", "id", "state", "with", "hresult", "http", "status", "the"];
    split.map(|word| word.trim_end_matches(';')).filter(|word| !empty.contains(word)).map(str::to_owned).collect()
}

/// The area that a word before a code names.
fn area_of(word: &str) -> Option<Area> {
    Some(match word {
        "winrm" | "wsman" | "wsmanfault" => Area::Winrm,
        "kerberos" | "krb" | "krb5" => Area::Kerberos,
        "sspi" | "schannel" | "tls" => Area::Sspi,
        "windows" | "win32" | "ntstatus" => Area::Windows,
        "was" | "asp" | "net" => Area::Was,
        "iis" => Area::Iis,
        "sql" | "mssql" | "sqlserver" => Area::Sql,
        "exit" | "farmhand" => Area::Exit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: &str) -> String {
        match look_up(asked) {
            Asked::Known(found) => {
                let shown = found.iter().map(|it| format!("{} {}", it.entry.area.word(), it.entry.codes[0]));
                shown.collect::<Vec<_>>().join(", ")
            }
            Asked::Unknown { near, hint } => {
                let near: Vec<&str> = near.iter().map(|it| it.codes[0].as_str()).collect();
                format!("? {} {}", near.join(" "), hint.unwrap_or_default())
            }
        }
    }

    #[test]
    fn codes_are_found_in_every_spelling() {
        let check = |asked: &str, expected: &str| assert_eq!(found(asked), expected, "{asked}");
        check("0x80090322", "sspi 0x80090322");
        check("-2146893022", "sspi 0x80090322");
        check("2148074274", "sspi 0x80090322");
        check("SEC_E_WRONG_PRINCIPAL", "sspi 0x80090322");
        check("2150858793", "winrm 0x80338029");
        check("80338029", "winrm 0x80338029");
        check("0x8009030e", "sspi 0x8009030E");
        check("8009030E", "sspi 0x8009030E");
        check("1326", "windows 1326");
        check("0x8007052E", "windows 1326");
        check("-2147023570", "windows 1326");
        check("0xC000006D", "windows 1326");
        check("0x80070021", "windows 33");
        check("1603", "windows 0x80070643");
        check("2147942402", "windows 2");
        check("18456", "sql 18456");
        check("18456 state 11", "sql 18456/11");
        check("18456/11", "sql 18456/11");
        check("Msg 18456, Level 14, State 8", "sql 18456/8");
        check("WAS 5021", "was 5021");
        check("5021", "was 5021");
        check("500.19", "iis 500.19");
        check("HTTP Error 500.19", "iis 500.19");
        check("401.cbt", "winrm 401.cbt");
        check("401 with CBT", "winrm 401.cbt");
        check("CBT", "winrm 401.cbt");
        check("channel binding", "winrm 401.cbt");
        check("404", "? 404.0 404.2 404.3 404.7 404.8 404.11 404.13 404.14 404.15 ");
        check("0x800f0954", "windows 0x800F0954");
        check("0x80070520", "windows 1312");
        check("233", "sql 233");
        check("401", "winrm 401");
        check("KDC_ERR_S_PRINCIPAL_UNKNOWN", "kerberos 7");
        check("krb_ap_err_skew", "kerberos 37");
        check("kerberos 37", "kerberos 37");
        check("0x25", "kerberos 37");
        check("28054", "sql 28054");
        check("9772", "sql 9772");
        check("15581", "sql 15581");
        check("-8490", "sql -8470");
        check("exit 14", "exit 14");
        check("2", "windows 2, exit 2");
        check("14", "kerberos 14, exit 14");
        check("1222", "sql 1222");
        check(
            "0x80338030",
            "? 0x80338036 0x8033803F 0x80338029 0x80338012 0x803380E4 0x8033.... is WinRM's; on Windows: winrm helpmsg 0x80338030",
        );
        check("0x80071234", "?  0x8007.... is a system error of Windows; on Windows: net helpmsg 4660");
        check("KDC_ERR_S_PRINCIPAL_UNKOWN", "? 7 6 ");
        check("", "?  ");
        check("web01", "?  ");
        check(&"9".repeat(100), "?  ");
    }

    #[test]
    fn an_error_leads_to_its_states() {
        let Asked::Known(found) = look_up("18456") else { panic!("18456 is not known") };
        let states: Vec<&str> = found[0].closer.iter().map(|it| it.codes[0].as_str()).collect();
        assert_eq!(states[..3], ["18456/1", "18456/2", "18456/6"]);
    }
}
