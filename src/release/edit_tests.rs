//! Overlays on documents of all sorts.

use proptest::prelude::*;

use super::edit::{EMPTY_CONFIG, apply};
use super::*;
use crate::value::{
    CompatibilityMode, Escape, SecretPart, SecretPiece, SecretRef, SecretText, Store, TextEncoding, TextPiece,
};

fn secret(name: &str) -> SecretRef {
    SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: None }
}

fn setting(key: &str, value: &str) -> ConfigEdit {
    ConfigEdit::AppSetting { key: key.to_owned(), value: value.into() }
}

fn attribute(at: &str, name: &str, value: &str) -> ConfigEdit {
    ConfigEdit::Attribute { at: ConfigPath::parse(at).unwrap(), name: name.to_owned(), value: value.into() }
}

fn machine_key() -> ConfigEdit {
    ConfigEdit::MachineKey { key: secret("key"), compatibility_mode: None }
}

/// A text with `{name:part}` where a secret stands.
fn shown(text: &SecretText) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Plain(text) => text.clone(),
        TextPiece::Secret(piece) => {
            assert_eq!(piece.escape, Escape::XmlAttribute);
            format!("{{{}:{:?}}}", piece.secret, piece.part)
        }
    };
    text.pieces.iter().map(piece).collect()
}

fn check(source: &str, edits: &[ConfigEdit], expected: &str) {
    let edits: Vec<&ConfigEdit> = edits.iter().collect();
    assert_eq!(shown(&apply("web.config", source.as_bytes(), &edits).unwrap()), expected);
}

fn refused(source: &str, edits: &[ConfigEdit], expected: &str) {
    let edits: Vec<&ConfigEdit> = edits.iter().collect();
    assert_eq!(apply("web.config", source.as_bytes(), &edits).unwrap_err().to_string(), expected);
}

const KEYS: &str = "validationKey=\"{key:ValidationKey}\" decryptionKey=\"{key:DecryptionKey}\" \
                    validation=\"{key:Validation}\" decryption=\"{key:Decryption}\"";

#[test]
fn a_machine_key_is_put_where_it_belongs() {
    let empty = std::str::from_utf8(EMPTY_CONFIG).unwrap();
    let made = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n    <system.web>\r\n        <machineKey {KEYS} />\r\n    </system.web>\r\n</configuration>\r\n"
    );
    check(empty, &[machine_key()], &made);
    let source = "\u{feff}<configuration>\n\t<!-- kept -->\n\t<system.web>\n\t\t<compilation  debug='false'/>\n\t</system.web>\n</configuration>";
    let made = source.replace("'false'/>\n", &format!("'false'/>\n\t\t<machineKey {KEYS} />\n"));
    check(source, &[machine_key()], &made);
    let source = "<configuration>\n  <location path=\".\" inheritInChildApplications=\"false\">\n    <system.web>\n      <a />\n    </system.web>\n  </location>\n</configuration>\n";
    let made = source.replace("<a />\n", &format!("<a />\n      <machineKey {KEYS} />\n"));
    check(source, &[machine_key()], &made);
    // A location for another path is not meant.
    let source = "<configuration>\n  <location path=\"api\">\n    <system.web />\n  </location>\n</configuration>\n";
    let made = source.replace(
        "</location>\n",
        &format!("</location>\n  <system.web>\n    <machineKey {KEYS} />\n  </system.web>\n"),
    );
    check(source, &[machine_key()], &made);
    let mode = ConfigEdit::MachineKey { key: secret("key"), compatibility_mode: Some(CompatibilityMode::Framework45) };
    let made = format!(
        "<configuration><system.web><a/><machineKey {KEYS} compatibilityMode=\"Framework45\" /></system.web></configuration>"
    );
    check("<configuration><system.web><a/></system.web></configuration>", &[mode], &made);
}

#[test]
fn settings_are_set_in_the_entry_that_holds() {
    let source = "<configuration>\r\n  <appSettings>\r\n    <add key='A' value='1' />\r\n    <add value=\"2\" key=\"a\"/>\r\n    <add key=\"b\" value=\"3\" />\r\n  </appSettings>\r\n</configuration>";
    check(source, &[setting("A", "x & 'y'")], &source.replace("\"2\"", "\"x &amp; 'y'\""));
    check(source, &[setting("A", "2")], source);
    let added = source.replace("\"3\" />\r\n", "\"3\" />\r\n    <add key=\"c\" value=\"4\" />\r\n");
    check(source, &[setting("c", "4")], &added);
    let cleared = "<configuration><appSettings><add key='a' value='1'/><clear/></appSettings></configuration>";
    let added = cleared.replace("<clear/>", "<clear/><add key=\"a\" value=\"2\" />");
    check(cleared, &[setting("a", "2")], &added);
}

#[test]
fn a_connection_string_may_hold_a_secret_in_its_middle() {
    let value = OverlayValue(vec![
        ValuePiece::Plain("Server=sql;Password=\"".to_owned()),
        ValuePiece::Secret(secret("pw")),
        ValuePiece::Plain("\";".to_owned()),
    ]);
    let edit = |provider: Option<&str>| ConfigEdit::ConnectionString {
        name: "Chat".to_owned(),
        value: value.clone(),
        provider: provider.map(str::to_owned),
    };
    let source = "<configuration><connectionStrings><add name='chat' connectionString='old'/></connectionStrings></configuration>";
    check(source, &[edit(None)], &source.replace("old", "Server=sql;Password=\"{pw:Whole}\";"));
    let made = "<configuration>\n    <connectionStrings>\n        <add name=\"Chat\" connectionString=\"Server=sql;Password=&quot;{pw:Whole}&quot;;\" providerName=\"System.Data.SqlClient\" />\n    </connectionStrings>\n</configuration>";
    check("<configuration/>", &[edit(Some("System.Data.SqlClient"))], made);
}

#[test]
fn any_attribute_is_set_by_its_path() {
    let source = "<configuration>\n  <a>\n    <r name='x' v='1'/>\n    <r name='y' v='1'/>\n  </a>\n</configuration>";
    check(source, &[attribute("a/r[name='y']", "v", "2")], &source.replace("'y' v='1'", "'y' v='2'"));
    let made = source.replace("v='1'/>\n  </a>", "v='1'/>\n    <r name=\"z\" v=\"2\" />\n  </a>");
    check(source, &[attribute("a/r[name='z']", "v", "2")], &made);
    let log = "<nlog><targets async='true'/></nlog>";
    check(log, &[attribute("targets", "async", "false")], "<nlog><targets async='false'/></nlog>");
}

#[test]
fn what_cannot_be_set_is_said() {
    let config = |inside: &str| format!("<configuration>{inside}</configuration>");
    refused("<a>", &[setting("a", "b")], "`web.config`: line 1, column 1: `<a>` is never closed");
    refused(
        "<a/>",
        &[setting("a", "b")],
        "`web.config` is no configuration: its root element is <a>, not <configuration>",
    );
    refused(
        &config("<appSettings configSource='app.config'/>"),
        &[setting("a", "b")],
        "`web.config`: <appSettings> is kept in another file (configSource=\"app.config\"); set it there",
    );
    refused(
        &config("<connectionStrings configProtectionProvider='Rsa'><EncryptedData/></connectionStrings>"),
        &[ConfigEdit::ConnectionString { name: "a".to_owned(), value: "b".into(), provider: None }],
        "`web.config`: <connectionStrings> is encrypted by `Rsa` and cannot be set; put it into the package in clear",
    );
    refused(
        &config(""),
        &[setting("a", "b"), setting("A", "c")],
        "`web.config`: the application setting `a` is set twice",
    );
    refused(&config(""), &[attribute("a", "x y", "b")], "`web.config`: \"x y\" cannot name an attribute");
    refused(
        &config(""),
        &[setting("a", "\u{1}")],
        "`web.config`: the value of the application setting `a` holds the character U+0001, which XML cannot hold",
    );
}

#[test]
fn the_encoding_stays() {
    let source = "<?xml version='1.0' encoding='utf-16'?><configuration a='é'><appSettings/></configuration>";
    for (mark, write, encoding) in [
        (0xFEFF_u16.to_le_bytes(), u16::to_le_bytes as fn(u16) -> [u8; 2], TextEncoding::Utf16Le),
        (0xFEFF_u16.to_be_bytes(), u16::to_be_bytes, TextEncoding::Utf16Be),
    ] {
        let bytes: Vec<u8> = mark.into_iter().chain(source.encode_utf16().flat_map(write)).collect();
        let edit = attribute("system.web", "x", "y");
        let text = apply("web.config", &bytes, &[&edit]).unwrap();
        assert_eq!((text.encoding, shown(&text).starts_with("\u{feff}<?xml")), (encoding, true));
        let unchanged = apply("web.config", &bytes, &[]).unwrap();
        assert_eq!(unchanged.bytes(|_| Err(String::new())).unwrap().as_slice(), bytes.as_slice());
    }
    let ascii = "<?xml version='1.0' encoding='windows-1252'?><configuration/>";
    let text = apply("web.config", ascii.as_bytes(), &[&attribute("a", "b", "é")]).unwrap();
    assert_eq!((text.encoding, shown(&text).contains("&#233;")), (TextEncoding::XmlAscii, true));
}

#[test]
fn text_that_looks_like_what_stands_for_a_secret_is_text() {
    let source = "<configuration><appSettings><add key='secret0of' value='secret0of0.'/></appSettings></configuration>";
    let edit = ConfigEdit::AppSetting { key: "secret1of".to_owned(), value: secret("s").into() };
    let expected = source.replace("</appSettings>", "<add key=\"secret1of\" value=\"{s:Whole}\" /></appSettings>");
    check(source, &[edit], &expected);
}

fn config() -> impl Strategy<Value = String> {
    let entry = ("[a-e]", "[ -~&&[^&<>\"'k]]{0,6}", "[ \r\n\t]{1,3}", prop::sample::select(vec!['\'', '"'])).prop_map(
        |(key, value, space, quote)| {
            format!("{space}<add{space}key={quote}{key}{quote} value = {quote}{value}{quote}{space}/>")
        },
    );
    let other = prop_oneof![
        Just("<!-- <add key='a' value='1'/> -->".to_owned()),
        Just("\r\n".to_owned()),
        Just("<x><![CDATA[<]]></x>".to_owned())
    ];
    (prop::collection::vec(prop_oneof![entry, other.clone()], 0..6), prop::collection::vec(other, 0..3), any::<bool>())
        .prop_map(|(settings, others, mark)| {
            let mark = if mark { "\u{feff}" } else { "" };
            format!(
                "{mark}<configuration>{}<appSettings>{}</appSettings>\n</configuration>\n",
                others.concat(),
                settings.concat()
            )
        })
}

proptest! {
    #[test]
    fn an_edit_changes_its_own_attribute_alone(source in config(), key in "[a-e]", value in "[ -~é]{0,8}") {
        let edit = setting(&key, &value);
        let edited = shown(&apply("web.config", source.as_bytes(), &[&edit]).unwrap());
        // What is before and behind the difference stands in both.
        let before = source.chars().zip(edited.chars()).take_while(|(a, b)| a == b).count();
        let behind = source.chars().rev().zip(edited.chars().rev()).take_while(|(a, b)| a == b).count();
        let length = source.chars().count();
        let changed: String = source.chars().skip(before).take(length.saturating_sub(before + behind)).collect();
        let held = source.contains(&format!("key='{key}'")) || source.contains(&format!("key=\"{key}\""));
        prop_assert!(!changed.contains(['<', '>']) && !changed.contains("key"), "{:?} of {:?} is {:?}", changed, source, edited);
        if !held {
            prop_assert_eq!(changed, "");
        }
        let again = shown(&apply("web.config", edited.as_bytes(), &[&edit]).unwrap());
        prop_assert_eq!(again, edited);
    }

    #[test]
    fn a_secret_is_written_so_that_it_is_read_back(source in config(), key in "[a-e]", value in "[ -~é\t\r\n]{0,12}") {
        let edit = ConfigEdit::AppSetting { key: key.clone(), value: secret("s").into() };
        let text = apply("web.config", source.as_bytes(), &[&edit]).unwrap();
        let piece = TextPiece::Secret(SecretPiece { secret: secret("s"), part: SecretPart::Whole, escape: Escape::XmlAttribute });
        prop_assert_eq!(text.pieces.iter().filter(|it| **it == piece).count(), 1);
        let bytes = text.bytes(|_| Ok(crate::value::SecretValue::new(value.clone()))).unwrap();
        let document = crate::xml::Document::parse(&bytes).unwrap();
        let settings = document.root().child("appSettings").unwrap();
        let found = settings.elements().filter(|it| it.get("key").as_deref() == Some(&key)).last();
        prop_assert_eq!(found.and_then(|it| it.get("value")), Some(value));
    }

    #[test]
    fn no_edit_leaves_the_bytes(source in config()) {
        let text = apply("web.config", source.as_bytes(), &[]).unwrap();
        let bytes = text.bytes(|_| Err(String::new())).unwrap();
        prop_assert_eq!(bytes.as_slice(), source.as_bytes());
    }
}
