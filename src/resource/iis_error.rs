//! The page on which IIS tells a request from its own machine why it answers 500.

/// How long a problem in IIS' own words may be.
const MOST_CHARS: usize = 300;

/// What IIS' detailed error page says. Its labels are in Windows' own language, so that only what they label is looked
/// at; the lines of configuration on it are not, for they may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IisError {
    /// The status after the point, such as 19 of 500.19.
    pub sub_status: u16,
    /// The HRESULT, such as `0x8007000d`.
    code: Option<String>,
    /// What is wrong with the configuration, in IIS' own words.
    problem: Option<String>,
    /// The file of configuration.
    file: Option<String>,
    /// The line of it that IIS points at.
    line: Option<u32>,
    /// The folder or file that the request was for, and whatever else the page has of paths.
    paths: Vec<String>,
}

impl IisError {
    /// Reads the first characters of a page; nothing where it is none of IIS' own with a sub-status.
    pub fn read(status: u16, body: &str) -> Option<IisError> {
        let mut headings = ["title", "h2", "h3"].iter().flat_map(|tag| texts(body, tag));
        let sub_status = headings.find_map(|text| sub_status(status, &text))?;
        let cells = texts(body, "td");
        let is_code = |text: &&String| {
            text.strip_prefix("0x")
                .is_some_and(|digits| digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit()))
        };
        let code = cells.iter().find(is_code).map(|code| code.to_lowercase());
        let at_file = cells.iter().position(|text| text.starts_with(r"\\?\"));
        let file = at_file.and_then(|at| cells.get(at)?.strip_prefix(r"\\?\").map(str::to_owned));
        let problem = at_file.and_then(|at| cells.get(at.checked_sub(1)?)).filter(|text| !is_code(text));
        let problem = problem.map(|text| text.chars().take(MOST_CHARS).collect());
        let paths = cells.iter().filter(|text| text.contains('\\')).cloned().collect();
        Some(IisError { sub_status, code, problem, file, line: line(body), paths })
    }

    /// Whether it is configuration that is wrong, which time does not heal, in a folder whose path holds a name: IIS may
    /// still speak of the folder of before.
    pub fn is_lasting(&self, folder: &str) -> bool {
        // A file that another process holds for a moment is another matter.
        let moment = self.code.as_deref() == Some("0x80070020");
        matches!(self.sub_status, 19..=29) && !moment && self.paths.iter().any(|path| path.contains(folder))
    }

    /// What it says, as the end of a sentence.
    pub fn words(&self) -> String {
        let code = self.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let mut words = format!("{}{code}", self.meaning());
        if let Some(problem) = &self.problem {
            words.push_str(&format!("; IIS says: {}", problem.trim_end_matches('.')));
        }
        if let Some(file) = &self.file {
            words.push_str(&format!("; in {file}"));
        }
        if let Some(line) = self.line {
            words.push_str(&format!(", line {line}"));
        }
        words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }

    /// The sub-status and the code in plain words (learn.microsoft.com, "HTTP status codes in IIS", and its article on
    /// 500.19).
    fn meaning(&self) -> &'static str {
        match (self.sub_status, self.code.as_deref()) {
            (19, Some("0x8007000d")) => {
                "its configuration cannot be read: it is no XML, or has a section whose module is not installed here"
            }
            (19, Some("0x80070021")) => "its configuration sets a section that is locked on the server",
            (19, Some("0x80070005")) => "the pool's account may not read its configuration",
            (19, Some("0x80070003")) => "its folder or configuration is not there",
            (19, Some("0x800700b7")) => "its configuration has an entry twice, or one that a level above has already",
            (19, Some("0x80070020")) => "its configuration is held by another process",
            (19, Some("0x8007007e")) => "its configuration names a module whose file is not there",
            (19, _) => "its configuration cannot be used",
            (20, _) => "its configuration has a section that is meant for another place",
            (21, _) => "a handler of it needs a module that is not there; is ASP.NET installed (Web-Asp-Net45)?",
            (22..=24, _) => "its configuration is for the classic pipeline, and its pool has the integrated one",
            (30..=38, _) => "the ASP.NET Core module could not start the app; its own log says why",
            _ => "IIS says no more",
        }
    }
}

/// The digits behind `500.`.
fn sub_status(status: u16, text: &str) -> Option<u16> {
    let (_, after) = text.split_once(&format!("{status}."))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The texts of all elements of a name that are whole.
fn texts(body: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((_, after)) = rest.split_once(&open) {
        rest = after;
        let Some((attributes, after)) = after.split_once('>') else { break };
        // `<td` begins no `<tdx`.
        if !attributes.is_empty() && !attributes.starts_with(char::is_whitespace) {
            continue;
        }
        let Some((text, after)) = after.split_once(&close) else { break };
        found.push(plain(text));
        rest = after;
    }
    found
}

/// A text of HTML without its references.
fn plain(text: &str) -> String {
    let references = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = references.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.trim().to_owned()
}

/// The number of the line that is marked in the source on the page.
fn line(body: &str) -> Option<u32> {
    let (_, page) = body.split_once("</style>")?;
    let (_, marked) = page.split_once("highlight-code")?;
    let (_, text) = marked.split_once('>')?;
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    text.trim_start().strip_prefix(&digits)?.starts_with(':').then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as IIS makes it, with rows of a table and its source.
    fn page(title: &str, rows: &[&str], source: &str) -> String {
        let rows: String =
            rows.iter().map(|row| format!("<tr><th>Was</th><td>&nbsp;&nbsp;&nbsp;{row}</td></tr>")).collect();
        format!(
            "<html><head><title>{title}</title><style>.highlight-code{{}}</style></head><body><h3>{title}</h3>\
             <table>{rows}</table><pre><code>{source}</code></pre></body></html>"
        )
    }

    #[test]
    fn the_reason_is_told_in_plain_words() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(IisError::read(500, body).map(|error| error.words()).as_deref(), expected, "{body}");
        };
        let file = r"\\?\C:\farmhand\releases\Chat\0123456789ab\web.config";
        check(
            &page(
                "IIS 10.0 Detailed Error - 500.19 - Internal Server Error",
                &["IIS Web Core", "0x8007000D", "Configuration file is not well-formed XML", file],
                "   -1: \n    0: ",
            ),
            Some(
                "its configuration cannot be read: it is no XML, or has a section whose module is not installed here \
                 (0x8007000d); IIS says: Configuration file is not well-formed XML; in \
                 C:\\farmhand\\releases\\Chat\\0123456789ab\\web.config",
            ),
        );
        check(
            &page(
                "IIS 8.5 - HTTP-Fehler 500.19",
                &["0x80070021", "Der Abschnitt &quot;a&quot; ist gesperrt.", file],
                " 4: x\n<span class=\"highlight-code\">    5: password</span>",
            ),
            Some(
                "its configuration sets a section that is locked on the server (0x80070021); IIS says: Der Abschnitt \
                 \"a\" ist gesperrt; in C:\\farmhand\\releases\\Chat\\0123456789ab\\web.config, line 5",
            ),
        );
        check(&page("HTTP Error 500.99", &[], ""), Some("IIS says no more"));
        // What an application says itself, or a page that was cut.
        check(&page("Server Error in '/' Application.", &["0x80004005"], ""), None);
        check("<html><body>it costs 500.19 here</body></html>", None);
        check(
            "<title>500.19</title><td>0x8007000d</td><td>x",
            Some(
                "its configuration cannot be read: it is no XML, or has a section whose module is not installed here (0x8007000d)",
            ),
        );
        check("", None);
    }

    #[test]
    fn only_configuration_of_this_release_lasts() {
        let check = |sub_status: u16, code: &str, path: &str, expected: bool| {
            let body = page(&format!("HTTP Error 500.{sub_status}"), &[code, "x", path], "");
            assert_eq!(IisError::read(500, &body).unwrap().is_lasting("0123456789ab"), expected, "{body}");
        };
        check(19, "0x8007000d", r"\\?\C:\r\0123456789ab\web.config", true);
        check(21, "0x8007000d", r"C:\r\0123456789ab\index.aspx", true);
        check(19, "0x8007000d", r"\\?\C:\r\ba9876543210\web.config", false);
        check(19, "0x80070020", r"\\?\C:\r\0123456789ab\web.config", false);
        check(30, "0x8007000d", r"C:\r\0123456789ab", false);
    }
}
