use proptest::prelude::*;

use super::lexer::lex;
use super::*;

fn only(text: &str) -> Token {
    let tokens = lex(text).unwrap();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens[0].token.clone()
}

fn complaint(text: &str) -> (i32, String) {
    let error = parse(text).unwrap_err();
    (error.number, error.text)
}

#[test]
fn what_is_not_in_the_subset_is_refused() {
    for (text, expected) in [
        ("SELECT 1 FORM x", "Incorrect syntax near 'x'."),
        ("MERGE INTO x", "Incorrect syntax near 'MERGE'."),
        ("ALTER DATABASE x SET ENABLE_BROKER WITH ROLLBACK SOON", "Incorrect syntax near 'SOON'."),
        ("CREATE MASTER KEY ENCRYPTION BY PASSWORD = @p", "Incorrect syntax near '@p'."),
        ("SELECT", "Incorrect syntax near 'SELECT'."),
        ("DROP TABLE x", "Incorrect syntax near 'DROP'."),
        ("SELECT 1.5", "Incorrect syntax near '1.5'."),
        ("BEGIN SELECT 1", "Incorrect syntax near '1'."),
    ] {
        assert_eq!(complaint(text), (102, expected.to_owned()), "{text}");
    }
    assert_eq!(complaint("SELECT 'abc").0, 105);
    assert_eq!(complaint("SELECT 1 /* abc").0, 113);
    assert_eq!(complaint(&format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100))).0, 191);
    assert_eq!(parse("SELECT 1\n\nSELECT 2 FORM y").unwrap_err().line, 3);
}

#[test]
fn blanks_comments_and_letter_case_make_no_difference() {
    let plain = parse("ALTER DATABASE [Chat] SET ENABLE_BROKER WITH ROLLBACK AFTER 15 SECONDS").unwrap();
    let other =
        "alter /* a /* b */ */ database\t\"Chat\" set enable_broker -- now\r\n with rollback after 15 seconds;;";
    assert_eq!(parse(other).unwrap(), plain);
}

#[test]
fn statements_need_no_semicolons() {
    let steps =
        parse("USE master SELECT 1 AS a SELECT name FROM sys.databases PRINT 'x' SET NOCOUNT ON BEGIN TRAN COMMIT")
            .unwrap();
    assert_eq!(steps.len(), 7);
}

proptest! {
    #[test]
    fn any_text_comes_back_from_its_literal(text in any::<String>()) {
        prop_assert_eq!(only(&format!("N'{}'", text.replace('\'', "''"))), Token::Text(text));
    }

    #[test]
    fn any_text_comes_back_from_its_brackets(text in any::<String>()) {
        prop_assert_eq!(only(&format!("[{}]", text.replace(']', "]]"))), Token::Quoted(text));
    }

    #[test]
    fn no_text_upsets_the_parser(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_heap_of_words_upsets_the_parser(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "SELECT", "FROM", "WHERE", "(", ")", ",", "IF", "EXISTS", "BEGIN", "END", "CASE", "WHEN", "THEN", "NOT", "IN",
            "LIKE", "-", "+", "1", "'x'", "[x]", "@x", "=", "EXEC", "AS", "ALTER", "DATABASE", "SET", "MASTER", "KEY",
            "GRANT", "ON", "TO", "::", ".", "CREATE", "LOGIN", "USER", "WITH", "DECLARE", "int", "ORDER", "BY", "TOP",
        ]), 0..40))
    {
        let _ = parse(&words.join(" "));
    }
}
