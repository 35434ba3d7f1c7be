//! What was typed, in a message about it.

/// A message of an error without control characters, which could rewrite a terminal or a log, and no longer than a
/// screen: a parser quotes the whole line.
pub(super) fn shown(message: &str) -> String {
    let mut shown = String::new();
    for (n, c) in message.chars().enumerate() {
        if n == CHARS_MAX {
            shown.push('…');
            break;
        }
        match c.is_control() && c != '\n' {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
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
