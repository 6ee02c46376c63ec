//! Pieces into a tree.

use serde_json::Value;

use super::lexer::{Piece, Token};
use super::{TemplateError, functions};

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline),
    If { condition: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    With { value: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    Range { over: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
    Break,
    Continue,
}

/// `$a, $b := first | second`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) variables: Vec<String>,
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// An operand, or a function with its operands.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) head: Operand,
    pub(super) args: Vec<Operand>,
}

#[derive(Debug)]
pub(super) enum Operand {
    /// A path from the dot.
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Literal(Value),
    Function(String),
    Nested(Box<Pipeline>, Vec<String>),
}

pub(super) fn parse(pieces: Vec<Piece>) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { pieces: pieces.into_iter() };
    match parser.list()? {
        (nodes, Closed::Eof) => Ok(nodes),
        (_, Closed::End) => Err(TemplateError::new("unexpected {{end}}")),
        (_, Closed::Else(_)) => Err(TemplateError::new("unexpected {{else}}")),
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
}

/// What closed a list of nodes.
enum Closed {
    Eof,
    End,
    /// With the tokens after `else`: empty, or another `if`.
    Else(Vec<Token>),
}

impl Parser {
    fn list(&mut self) -> Result<(Vec<Node>, Closed), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let word = match tokens.first() {
                Some(Token::Word(word)) => word.as_str(),
                _ => "",
            };
            match word {
                "end" => return Ok((nodes, Closed::End)),
                "else" => return Ok((nodes, Closed::Else(tokens[1..].to_vec()))),
                "if" | "with" | "range" => nodes.push(self.block(&tokens)?),
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "define" | "template" | "block" => {
                    return Err(TemplateError::new(format!("{word} is not supported")));
                }
                _ => nodes.push(Node::Print(pipeline(&tokens)?)),
            }
        }
        Ok((nodes, Closed::Eof))
    }

    /// From `if`, `with` or `range` to its `end`.
    fn block(&mut self, tokens: &[Token]) -> Result<Node, TemplateError> {
        let keyword = match &tokens[0] {
            Token::Word(word) => word.clone(),
            _ => String::new(),
        };
        let head = pipeline(&tokens[1..])?;
        let (then, end) = self.list()?;
        let otherwise = match end {
            Closed::End => Vec::new(),
            Closed::Eof => return Err(TemplateError::new("unexpected EOF")),
            // `else if` is an `if` inside the `else` that shares its `end`.
            Closed::Else(rest) if !rest.is_empty() => vec![self.block(&rest)?],
            Closed::Else(_) => match self.list()? {
                (nodes, Closed::End) => nodes,
                (_, Closed::Else(_)) => return Err(TemplateError::new("expected end; found {{else}}")),
                (_, Closed::Eof) => return Err(TemplateError::new("unexpected EOF")),
            },
        };
        Ok(match keyword.as_str() {
            "if" => Node::If { condition: head, then, otherwise },
            "with" => Node::With { value: head, then, otherwise },
            _ => Node::Range { over: head, body: then, otherwise },
        })
    }
}

fn pipeline(tokens: &[Token]) -> Result<Pipeline, TemplateError> {
    let mut variables = Vec::new();
    let mut rest = tokens;
    let mut declares = false;
    if let Some(at) = tokens.iter().position(|t| matches!(t, Token::Declare | Token::Assign)) {
        declares = tokens[at] == Token::Declare;
        for token in &tokens[..at] {
            match token {
                Token::Variable(name) => variables.push(name.clone()),
                Token::Comma => {}
                _ => return Err(TemplateError::new("expected a variable before the assignment")),
            }
        }
        rest = &tokens[at + 1..];
    }
    let mut commands = Vec::new();
    let mut start = 0;
    let mut depth = 0;
    for (i, token) in rest.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            Token::Pipe if depth == 0 => {
                commands.push(command(&rest[start..i])?);
                start = i + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return Err(TemplateError::new("unexpected right paren"));
        }
    }
    if depth > 0 {
        return Err(TemplateError::new("unclosed left paren"));
    }
    commands.push(command(&rest[start..])?);
    Ok(Pipeline { variables, declares, commands })
}

fn command(tokens: &[Token]) -> Result<Command, TemplateError> {
    let mut operands = Vec::new();
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        i += 1;
        operands.push(match token {
            Token::Field { path, attached: false } => Operand::Field(path.clone()),
            Token::Field { path, attached: true } => {
                match operands.last_mut() {
                    Some(Operand::Variable(_, chain) | Operand::Nested(_, chain)) => chain.extend(path.iter().cloned()),
                    _ => return Err(TemplateError::new("unexpected field after an operand")),
                }
                continue;
            }
            Token::Variable(name) => Operand::Variable(name.clone(), Vec::new()),
            Token::Text(text) => Operand::Literal(Value::String(text.clone())),
            Token::Number(number) => Operand::Literal(Value::Number(number.clone())),
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "nil" => Operand::Literal(Value::Null),
                name if functions::is_known(name) => Operand::Function(word.clone()),
                name => return Err(TemplateError::new(format!("function \"{name}\" not defined"))),
            },
            Token::Open => {
                let len = closing(&tokens[i..])?;
                let inner = pipeline(&tokens[i..i + len])?;
                i += len + 1;
                Operand::Nested(Box::new(inner), Vec::new())
            }
            Token::Close | Token::Pipe | Token::Comma | Token::Declare | Token::Assign => {
                return Err(TemplateError::new("unexpected token in command"));
            }
        });
    }
    let mut operands = operands.into_iter();
    let head = operands.next().ok_or_else(|| TemplateError::new("missing value for command"))?;
    Ok(Command { head, args: operands.collect() })
}

/// How many tokens there are before the parenthesis closes.
fn closing(tokens: &[Token]) -> Result<usize, TemplateError> {
    let mut depth = 1;
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(i);
        }
    }
    Err(TemplateError::new("unclosed left paren"))
}
