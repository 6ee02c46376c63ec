//! JSON for people: `inspect` indents by four, as Docker's.

/// Indents a document without touching anything else: the order of the keys and every number stay as the engine
/// wrote them. What is not JSON comes out as some text, never as a panic.
pub(crate) fn indent(json: &str) -> String {
    const STEP: &str = "    ";
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    // Whether a bracket was opened and nothing stands in it yet: an empty list stays on its line.
    let mut fresh = false;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str(STEP));
    };
    for c in json.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        if fresh && !matches!(c, '}' | ']') {
            line(&mut out, depth);
            fresh = false;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                depth += 1;
                fresh = true;
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !fresh {
                    line(&mut out, depth);
                }
                fresh = false;
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::indent;

    #[test]
    fn layout_is_that_of_go() {
        assert_eq!(
            indent(r#"[{"b":1,"a":[],"c":{ },"d":["x, {\"}\\",2.50]}]"#),
            "[\n    {\n        \"b\": 1,\n        \"a\": [],\n        \"c\": {},\n        \"d\": [\n            \"x, {\\\"}\\\\\",\n            2.50\n        ]\n    }\n]"
        );
        assert_eq!(indent("[]"), "[]");
        indent("]]}}\"");
    }
}
