//! Text into pieces: literal text, and the tokens of each `{{action}}`.

use super::TemplateError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// `.`, `.Name.Other`; after a `)` or a variable it goes on from there.
    Field {
        path: Vec<String>,
        attached: bool,
    },
    /// `$`, `$name`.
    Variable(String),
    /// A keyword or a function.
    Word(String),
    Text(String),
    Number(serde_json::Number),
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
}

pub(super) fn lex(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    while let Some(start) = rest.find("{{") {
        let mut literal = &rest[..start];
        let after = &rest[start + 2..];
        let trims_before = after.starts_with('-') && after[1..].starts_with(char::is_whitespace);
        let body_start = usize::from(trims_before);
        let end = action_end(&after[body_start..]).ok_or_else(|| TemplateError::new("unclosed action"))? + body_start;
        let mut body = &after[body_start..end];
        let trims_after = body.ends_with('-') && body[..body.len() - 1].ends_with(char::is_whitespace);
        if trims_after {
            body = &body[..body.len() - 1];
        }
        if trim_next {
            literal = literal.trim_start();
        }
        if trims_before {
            literal = literal.trim_end();
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.to_owned()));
        }
        let trimmed = body.trim();
        if !(trimmed.starts_with("/*") && trimmed.ends_with("*/")) {
            pieces.push(Piece::Action(tokens(body)?));
        }
        trim_next = trims_after;
        rest = &after[end + 2..];
    }
    let literal = if trim_next { rest.trim_start() } else { rest };
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.to_owned()));
    }
    Ok(pieces)
}

/// Where the action's `}}` is: one inside quotes doesn't count.
fn action_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut i = 0;
    while i < bytes.len() {
        match (quote, bytes[i]) {
            (Some(b'"'), b'\\') => i += 1,
            (Some(q), b) if q == b => quote = None,
            (Some(_), _) => {}
            (None, b @ (b'"' | b'`')) => quote = Some(b),
            (None, b'}') if bytes.get(i + 1) == Some(&b'}') => return Some(i),
            (None, _) => {}
        }
        i += 1;
    }
    None
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(body: &str) -> Result<Vec<Token>, TemplateError> {
    let mut out = Vec::new();
    let mut rest = body;
    let mut after_operand = false;
    while let Some(c) = rest.chars().next() {
        let mut operand = false;
        match c {
            _ if c.is_whitespace() => rest = &rest[c.len_utf8()..],
            '(' | ')' | '|' | ',' | '=' => {
                out.push(match c {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    '|' => Token::Pipe,
                    ',' => Token::Comma,
                    _ => Token::Assign,
                });
                operand = c == ')';
                rest = &rest[1..];
            }
            ':' if rest.starts_with(":=") => {
                out.push(Token::Declare);
                rest = &rest[2..];
            }
            '"' => {
                let (text, len) = quoted(rest)?;
                out.push(Token::Text(text));
                rest = &rest[len..];
            }
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| TemplateError::new("unterminated raw quoted string"))?;
                out.push(Token::Text(rest[1..=end].to_owned()));
                rest = &rest[end + 2..];
            }
            '.' => {
                let (path, len) = field(rest);
                out.push(Token::Field { path, attached: after_operand });
                rest = &rest[len..];
                operand = true;
            }
            '$' => {
                let len = 1 + rest[1..].find(|c| !is_name(c)).unwrap_or(rest.len() - 1);
                out.push(Token::Variable(rest[1..len].to_owned()));
                rest = &rest[len..];
                operand = true;
            }
            _ if c.is_ascii_digit()
                || ((c == '-' || c == '+') && rest[1..].starts_with(|c: char| c.is_ascii_digit())) =>
            {
                let len = 1 + rest[1..].find(|c: char| !(is_name(c) || c == '.')).unwrap_or(rest.len() - 1);
                let number = rest[..len].strip_prefix('+').unwrap_or(&rest[..len]);
                out.push(Token::Number(
                    number.parse().map_err(|_| TemplateError::new(format!("bad number syntax: {:?}", &rest[..len])))?,
                ));
                rest = &rest[len..];
            }
            _ if is_name(c) => {
                let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                out.push(Token::Word(rest[..len].to_owned()));
                rest = &rest[len..];
                operand = true;
            }
            _ => return Err(TemplateError::new(format!("unexpected {c:?} in operand"))),
        }
        after_operand = operand;
    }
    Ok(out)
}

/// `.A.B`: the names, and how long the text is.
fn field(text: &str) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut len = 1;
    loop {
        let rest = &text[len..];
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        if name.is_empty() {
            return (path, len);
        }
        path.push(name.to_owned());
        len += name.len();
        if !text[len..].starts_with('.') {
            return (path, len);
        }
        len += 1;
    }
}

/// A string in double quotes: its text, and how long it is with them.
fn quoted(text: &str) -> Result<(String, usize), TemplateError> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((out, i + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, c @ ('\\' | '"' | '\''))) => out.push(c),
                _ => return Err(TemplateError::new("invalid syntax in quoted string")),
            },
            _ => out.push(c),
        }
    }
    Err(TemplateError::new("unterminated quoted string"))
}
