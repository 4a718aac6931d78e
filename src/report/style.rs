//! Colours. Signs and words carry the meaning alone; colour only helps.

/// How text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Plain,
    /// With ANSI escapes.
    Coloured,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// What is added or good.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What changes.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is removed or bad.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What stands out.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What stands back.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A sign and what goes with it, in the sign's colour.
    pub fn signed(self, sign: char, text: &str) -> String {
        match sign {
            '+' => self.green(text),
            '-' => self.red(text),
            _ => self.yellow(text),
        }
    }
}
