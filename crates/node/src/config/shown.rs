//! What was typed, in a message about it.

/// A message of an error without control characters, and no longer than a screen: a parser quotes the whole line.
pub(super) fn shown(message: &str) -> String {
    let escaped = escaped(message);
    match escaped.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

/// A text without control characters, which could rewrite a terminal or a log.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

const CHARS_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use crate::config::tests::{GOOD, parse};

    #[test]
    fn what_was_typed_cannot_rewrite_a_terminal() {
        let typed = "\u{1b}[2J";
        for text in [
            format!("{GOOD}\n# {typed}"),
            GOOD.replace(
                "attic.lan:50051",
                &format!("{}\\u001b[2J", "x".repeat(9000)),
            ),
            GOOD.replace("\"data\"", "\"${NOWHERE}\\u001b[2J\""),
            GOOD.replace("data_dir", "\"\\u001b[2J\""),
        ] {
            let said = parse(&text).unwrap_err();
            assert!(said.contains("\\u{1b}") || said.contains('…'), "{said}");
            assert!(!said.contains('\u{1b}') && said.len() < 9000, "{said}");
        }
    }
}
