//! Secrets in a text that is being edited: something unique stands in their place until the text is taken apart.

use crate::value::{Escape, SecretPart, SecretPiece, SecretRef, TextPiece};

/// The secrets that stand in a text, and what stands for them.
pub(super) struct Placeholders {
    /// What no text at hand holds. It is letters and digits, so that no escaping changes it.
    mark: String,
    secrets: Vec<(SecretRef, SecretPart)>,
}

impl Placeholders {
    /// Finds a mark that none of the texts holds.
    pub(super) fn unlike<'a>(texts: &(impl Iterator<Item = &'a str> + Clone)) -> Placeholders {
        let mut number = 0_u64;
        loop {
            let mark = format!("secret{number}of");
            if !texts.clone().any(|text| text.contains(&mark)) {
                return Placeholders { mark, secrets: Vec::new() };
            }
            number += 1;
        }
    }

    /// What stands for a secret.
    pub(super) fn stand_in(&mut self, secret: &SecretRef, part: SecretPart) -> String {
        self.secrets.push((secret.clone(), part));
        format!("{}{}.", self.mark, self.secrets.len() - 1)
    }

    /// Takes a text apart.
    pub(super) fn split(&self, text: &str) -> Vec<TextPiece> {
        let mut pieces = Vec::new();
        let plain = |pieces: &mut Vec<TextPiece>, text: &str| {
            if !text.is_empty() {
                pieces.push(TextPiece::Plain(text.to_owned()));
            }
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(&self.mark) {
            let stands_for = after
                .split_once('.')
                .and_then(|(number, after)| Some((self.secrets.get(number.parse::<usize>().ok()?)?, after)));
            let Some(((secret, part), after)) = stands_for else {
                unreachable!("the mark is in no text that was given")
            };
            plain(&mut pieces, before);
            let piece = SecretPiece { secret: secret.clone(), part: *part, escape: Escape::XmlAttribute };
            pieces.push(TextPiece::Secret(piece));
            rest = after;
        }
        plain(&mut pieces, rest);
        pieces
    }
}
