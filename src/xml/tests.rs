//! The laws of the tree.

use proptest::prelude::*;

use super::*;

fn edited(source: &str, edit: impl FnOnce(&mut Document)) -> String {
    let mut document = Document::parse(source.as_bytes()).unwrap();
    edit(&mut document);
    String::from_utf8(document.print()).unwrap()
}

fn refused(source: &str, expected: &str) {
    let error = Document::parse(source.as_bytes()).expect_err(source).to_string();
    assert_eq!(error, expected, "{source}");
}

#[test]
fn what_is_read_is_printed() {
    for source in [
        "<a/>",
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<!-- hi -->\r\n<a  b = 'x &amp; \"y\"'\r\n\tc=\"&#10;\" >t<![CDATA[<]]><b /><b></b ></a >\r\n<?pi?>\r\n",
        "<é:x xmlns:é='u'>&lt;&#x41;</é:x>",
    ] {
        assert_eq!(edited(source, |_| ()), source);
    }
    for wide in ["<?xml version='1.0' encoding='utf-16'?><a b='é𝄞'/>"] {
        for (mark, write) in [
            (0xFEFF_u16.to_le_bytes(), u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (0xFEFF_u16.to_be_bytes(), u16::to_be_bytes),
        ] {
            let bytes: Vec<u8> = mark.into_iter().chain(wide.encode_utf16().flat_map(write)).collect();
            let document = Document::parse(&bytes).unwrap();
            assert_eq!(document.root().get("b").as_deref(), Some("é𝄞"));
            assert_eq!(document.print(), bytes);
        }
    }
}

#[test]
fn what_is_not_xml_is_refused_where_it_is_not() {
    refused("", "line 1, column 1: there is no root element");
    refused("<a>", "line 1, column 1: `<a>` is never closed");
    refused("<a>\n <b></a>", "line 2, column 5: `</a>` where `</b>` is awaited");
    refused("<a/></a>", "line 1, column 5: `</a>` closes nothing");
    refused("<a/><b/>", "line 1, column 5: there is content beside the root element");
    refused("<a b='1' b='2'/>", "line 1, column 10: the attribute `b` is there twice");
    refused("<a b='<'/>", "line 1, column 7: `<` in an attribute's value; write `&lt;`");
    refused("<a b=1/>", "line 1, column 6: the value of `b` is not in quotes");
    refused("<a b='1'c='2'/>", "line 1, column 9: `<a` is not well-formed here");
    refused("<a>é&nbsp;</a>", "line 1, column 5: `&` starts no known reference; write `&amp;`");
    refused("<a>&#0;</a>", "line 1, column 4: `&` starts no known reference; write `&amp;`");
    refused("<a>\u{1}</a>", "line 1, column 4: the character U+0001 is not allowed in XML");
    refused("<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "line 1, column 1: a document type declaration is not taken");
    refused(" <?xml version='1.0'?><a/>", "line 1, column 2: the XML declaration is not at the start");
    refused(
        "<?xml version='1.0' encoding='koi8-r'?><a/>",
        "line 1, column 1: the encoding `koi8-r` is not taken; save the file as UTF-8",
    );
    let deep = "<a>".repeat(20_000);
    refused(&deep, "line 1, column 601: elements nest deeper than 200 levels");
    assert!(Document::parse(b"<a>\xff</a>").is_err());
    assert!(Document::parse(b"\xff\xfe<").is_err());
}

#[test]
fn an_edit_changes_its_own_attribute_alone() {
    let source = "<a>\r\n  <!-- keep -->\r\n  <b  x = 'one'  y=\"2\"/>\r\n</a>";
    let set = edited(source, |document| document.element_mut(&[0]).unwrap().set("x", "it's <&>"));
    assert_eq!(set, source.replace("'one'", "'it&apos;s &lt;&amp;&gt;'"));
    let added = edited(source, |document| document.element_mut(&[0]).unwrap().set("z", "3"));
    assert_eq!(added, source.replace("y=\"2\"", "y=\"2\"  z=\"3\""));
    let removed = edited(source, |document| assert!(document.element_mut(&[0]).unwrap().remove("x")));
    assert_eq!(removed, source.replace("  x = 'one'", ""));
}

#[test]
fn a_new_element_is_laid_out_as_its_siblings_are() {
    let insert = |source: &str, parent: &[usize], index: usize| {
        edited(source, |document| {
            document.insert(parent, index, Element::new("n").with("k", "v")).unwrap();
        })
    };
    assert_eq!(insert("<a/>", &[], 0), "<a>\n    <n k=\"v\" />\n</a>");
    assert_eq!(insert("<a />\r\n", &[], 9), "<a>\r\n    <n k=\"v\" />\r\n</a>\r\n");
    assert_eq!(
        insert("<a>\r\n\t<b />\r\n\r\n\t<c />\r\n</a>", &[], 2),
        "<a>\r\n\t<b />\r\n\r\n\t<c />\r\n\t<n k=\"v\" />\r\n</a>"
    );
    assert_eq!(insert("<a>\n  <b />\n  <c />\n</a>", &[], 1), "<a>\n  <b />\n  <n k=\"v\" />\n  <c />\n</a>");
    assert_eq!(insert("<a>\n  <b />\n</a>", &[], 0), "<a>\n  <n k=\"v\" />\n  <b />\n</a>");
    assert_eq!(insert("<a>\n  <b />\n</a>", &[0], 0), "<a>\n  <b>\n    <n k=\"v\" />\n  </b>\n</a>");
    assert_eq!(insert("<a><b/></a>", &[], 1), "<a><b/><n k=\"v\" /></a>");
    assert_eq!(
        insert("<a>\n  <b />\n  <!-- of b -->\n</a>", &[], 1),
        "<a>\n  <b />\n  <!-- of b -->\n  <n k=\"v\" />\n</a>"
    );
}

#[test]
fn a_removed_element_leaves_no_gap() {
    let remove = |source: &str, at: &[usize]| edited(source, |document| assert!(document.remove(at)));
    assert_eq!(remove("<a>\n  <b />\n  <c />\n</a>", &[0]), "<a>\n  <c />\n</a>");
    assert_eq!(remove("<a>\n  <b />\n</a>", &[0]), "<a />");
    assert_eq!(remove("<a>x<b/>y</a>", &[0]), "<a>xy</a>");
    assert!(!Document::parse(b"<a/>").unwrap().remove(&[]));
    assert!(!Document::parse(b"<a/>").unwrap().remove(&[0]));
}

/// Well-formed documents of all the shapes there are.
fn xml() -> impl Strategy<Value = String> {
    let space = "[ \t\r\n]{1,3}";
    let value = "[a-z é\r\n\t&&[^&<\"]]{0,6}(&(amp|lt|#10|#x41);)?";
    let attributes = prop::collection::btree_map("[a-e]", (space, value), 0..4).prop_map(|attributes| {
        attributes.into_iter().map(|(name, (space, value))| format!("{space}{name}=\"{value}\"")).collect::<String>()
    });
    let leaf = prop_oneof![
        "[a-z \r\n\t]{0,8}",
        Just("<!-- c -->".to_owned()),
        Just("<![CDATA[<&]]>".to_owned()),
        Just("<?pi x?>".to_owned()),
        attributes.clone().prop_map(|attributes| format!("<e{attributes}/>")),
    ];
    let inner = leaf.prop_recursive(4, 24, 5, move |inner| {
        (attributes.clone(), prop::collection::vec(inner, 0..5))
            .prop_map(|(attributes, nodes)| format!("<f{attributes} >{}</f\n>", nodes.concat()))
    });
    prop::collection::vec(inner, 0..4).prop_map(|nodes| format!("<root>{}</root>\n", nodes.concat()))
}

proptest! {
    #[test]
    fn parsing_and_printing_gives_the_same_bytes(source in xml(), mark in any::<bool>()) {
        let source = if mark { format!("\u{feff}{source}") } else { source };
        let document = Document::parse(source.as_bytes()).unwrap();
        prop_assert_eq!(String::from_utf8(document.print()).unwrap(), source);
    }

    #[test]
    fn what_is_set_is_got(source in xml(), value in "[\\x20-\\x7E\n\r\té<&>\"']{0,12}", quote in any::<bool>()) {
        let mut document = Document::parse(source.as_bytes()).unwrap();
        if quote {
            document = Document::parse(source.replacen("<root>", "<root v='x'>", 1).as_bytes()).unwrap();
        }
        document.element_mut(&[]).unwrap().set("v", &value);
        let again = Document::parse(&document.print()).unwrap();
        prop_assert_eq!(again.root().get("v").unwrap(), value);
        prop_assert_eq!(again, document);
    }

    #[test]
    fn an_inserted_element_is_found_and_removing_it_keeps_the_rest(source in xml(), index in 0usize..6) {
        let before = Document::parse(source.as_bytes()).unwrap();
        let mut document = before.clone();
        let at = document.insert(&[], index, Element::new("n")).unwrap();
        let again = Document::parse(&document.print()).unwrap();
        prop_assert_eq!(again.element(&at).map(Element::name), Some("n"));
        prop_assert_eq!(again.root().elements().count(), before.root().elements().count() + 1);
        let mut document = again;
        prop_assert!(document.remove(&at));
        let names = |document: &Document| document.root().elements().map(|e| e.name().to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(names(&document), names(&before));
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[<>/!?a&;#x'\"= \\-\\[\\]]{0,40}") {
        let _ = Document::parse(&bytes);
        if let Ok(document) = Document::parse(text.as_bytes()) {
            prop_assert_eq!(document.print(), text.as_bytes());
        }
    }
}
