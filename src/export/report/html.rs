//! Text and pictures inside of a page.

/// Text as it stands in HTML, between tags and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in a page.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Bytes in base 64 (RFC 4648, section 4).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut three = [0u8; 3];
        three[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    out
}

/// A picture inside of the page.
pub fn picture(png: &[u8], name: &str) -> String {
    format!("<img alt=\"{}\" src=\"data:image/png;base64,{}\">", escaped(name), base64(png))
}

/// A table of rows, the first cell of each being its head.
pub fn table(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let mut out = String::from("<table>");
    for (head, cell) in rows {
        out.push_str(&format!("<tr><th>{}</th><td>{}</td></tr>", escaped(&head), escaped(&cell)));
    }
    out + "</table>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_a_tag() {
        assert_eq!(escaped("<script>\"a\" & 'b'\u{7}"), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}");
        assert!(table([("<b>".to_string(), "1".to_string())]).contains("<th>&lt;b&gt;</th><td>1</td>"));
    }

    #[test]
    fn bytes_are_written_as_rfc_4648_has_them() {
        let told = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|t| base64(t.as_bytes()));
        assert_eq!(told, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
