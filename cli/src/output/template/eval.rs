//! A tree over a JSON value.

use serde_json::Value;

use super::TemplateError;
use super::functions::{self, print, truthy};
use super::parser::{Command, Node, Operand, Pipeline};

/// What a list of nodes ended with.
enum Flow {
    Normal,
    Break,
    Continue,
}

struct Scope<'a> {
    root: &'a Value,
    variables: Vec<(String, Value)>,
    /// Render titles: functions hand their last argument on.
    headings: bool,
    out: String,
}

pub(super) fn render(nodes: &[Node], data: &Value, headings: bool) -> Result<String, TemplateError> {
    let mut scope = Scope { root: data, variables: Vec::new(), headings, out: String::new() };
    scope.run(nodes, data)?;
    Ok(scope.out)
}

impl Scope<'_> {
    fn run(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out.push_str(&print(&value));
                    }
                }
                Node::If { condition, then, otherwise } => {
                    let depth = self.variables.len();
                    let branch = if truthy(&self.pipeline(condition, dot)?) { then } else { otherwise };
                    let flow = self.run(branch, dot)?;
                    self.variables.truncate(depth);
                    if !matches!(flow, Flow::Normal) {
                        return Ok(flow);
                    }
                }
                Node::With { value, then, otherwise } => {
                    let depth = self.variables.len();
                    let value = self.pipeline(value, dot)?;
                    let flow = if truthy(&value) { self.run(then, &value)? } else { self.run(otherwise, dot)? };
                    self.variables.truncate(depth);
                    if !matches!(flow, Flow::Normal) {
                        return Ok(flow);
                    }
                }
                Node::Range { over, body, otherwise } => self.range(over, body, otherwise, dot)?,
            }
        }
        Ok(Flow::Normal)
    }

    fn range(&mut self, over: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<(), TemplateError> {
        let depth = self.variables.len();
        let items: Vec<(Value, Value)> = match self.commands(&over.commands, dot)? {
            Value::Array(items) => items.into_iter().enumerate().map(|(i, v)| (Value::from(i), v)).collect(),
            Value::Object(map) => {
                functions::sorted(&map).into_iter().map(|(k, v)| (Value::from(k.as_str()), v.clone())).collect()
            }
            Value::Null => Vec::new(),
            other => return Err(TemplateError::new(format!("range can't iterate over {}", print(&other)))),
        };
        if items.is_empty() {
            self.run(otherwise, dot)?;
        }
        for (key, item) in items {
            match over.variables.as_slice() {
                [] => {}
                [value] => self.variables.push((value.clone(), item.clone())),
                [index, value, ..] => {
                    self.variables.push((index.clone(), key));
                    self.variables.push((value.clone(), item.clone()));
                }
            }
            let flow = self.run(body, &item)?;
            self.variables.truncate(depth);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.commands(&pipeline.commands, dot)?;
        if let Some(name) = pipeline.variables.first() {
            let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
            match known {
                Some((_, old)) if !pipeline.declares => *old = value.clone(),
                _ if pipeline.declares => self.variables.push((name.clone(), value.clone())),
                _ => return Err(undefined(name)),
            }
        }
        Ok(value)
    }

    fn commands(&mut self, commands: &[Command], dot: &Value) -> Result<Value, TemplateError> {
        let mut piped = None;
        for command in commands {
            piped = Some(self.command(command, dot, piped)?);
        }
        Ok(piped.unwrap_or(Value::Null))
    }

    fn command(&mut self, command: &Command, dot: &Value, piped: Option<Value>) -> Result<Value, TemplateError> {
        if let Operand::Function(name) = &command.head {
            let mut args = Vec::with_capacity(command.args.len() + 1);
            // `and` and `or` stop at the operand that decides.
            let decides = |v: &Value| (name == "and" && !truthy(v)) || (name == "or" && truthy(v));
            for arg in &command.args {
                let value = self.operand(arg, dot)?;
                if decides(&value) {
                    return Ok(value);
                }
                args.push(value);
            }
            args.extend(piped);
            if self.headings {
                // The value that a function works on is the first that is a title: the dot for `json .`.
                let title = args.iter().rev().find(|v| v.is_string()).cloned();
                return Ok(title.unwrap_or(Value::Null));
            }
            return functions::call(name, args);
        }
        if let (Operand::Field(path), [key]) = (&command.head, command.args.as_slice())
            && path.last().is_some_and(|name| name == "Label")
        {
            return self.label(dot, key);
        }
        if !command.args.is_empty() || piped.is_some() {
            return Err(TemplateError::new("can't give argument to non-function"));
        }
        self.operand(&command.head, dot)
    }

    /// Docker's `.Label "key"`, on rows that carry `LabelMap`.
    fn label(&mut self, dot: &Value, key: &Operand) -> Result<Value, TemplateError> {
        let key = print(&self.operand(key, dot)?);
        if self.headings {
            // Docker titles the column by the label's last part: com.example.zone_name is `zone name`.
            let title = key.rsplit('.').next().unwrap_or(&key).replace(['-', '_'], " ");
            return Ok(Value::String(title));
        }
        let labels = dot.get(crate::output::format::LABEL_MAP);
        Ok(labels.and_then(|map| map.get(&key)).cloned().unwrap_or_else(|| Value::String(String::new())))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, TemplateError> {
        match operand {
            Operand::Field(path) => follow(dot, path),
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Variable(name, path) if name.is_empty() => follow(self.root, path),
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                follow(known.map(|(_, value)| value).ok_or_else(|| undefined(name))?, path)
            }
            Operand::Nested(pipeline, path) => {
                let depth = self.variables.len();
                let value = self.pipeline(pipeline, dot)?;
                self.variables.truncate(depth);
                follow(&value, path)
            }
            Operand::Function(name) => functions::call(name, Vec::new()),
        }
    }
}

fn undefined(name: &str) -> TemplateError {
    TemplateError::new(format!("undefined variable \"${name}\""))
}

/// Go's fields are spelt `ID` and `DNS` where the JSON has `Id` and `Dns`; people write either.
fn as_go_spells<'a>(map: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a Value> {
    if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name) && key[..1] == name[..1]).map(|(_, value)| value)
}

/// Fields that the API leaves out of an answer when they are empty. Docker's client reads answers into Go's types, where
/// they are there with their zero: `{{if .State.Health}}` is no error for a container without a health check.
fn left_out(name: &str) -> Option<Value> {
    Some(match name {
        "Health" | "Healthcheck" | "StopTimeout" | "SizeRw" | "SizeRootFs" | "Init" => Value::Null,
        "StopSignal" | "MacAddress" | "Isolation" | "BuildTime" => Value::from(""),
        "ArgsEscaped" | "NetworkDisabled" | "Experimental" => Value::from(false),
        "Interval" | "Timeout" | "StartPeriod" | "StartInterval" | "Retries" | "KernelMemory" => Value::from(0),
        "Annotations" | "StorageOpt" | "Tmpfs" | "Sysctls" | "ExposedPorts" => Value::Object(serde_json::Map::new()),
        "Mounts" | "Shell" => Value::Array(Vec::new()),
        _ => return None,
    })
}

fn follow(start: &Value, path: &[String]) -> Result<Value, TemplateError> {
    const TEXTS: [&str; 6] = ["Labels", "Attributes", "Annotations", "Options", "Sysctls", "DriverOpts"];
    let mut value = start;
    for (place, name) in path.iter().enumerate() {
        // A key of the user's own: that it is not there is an answer.
        let of_the_user = place > 0 && TEXTS.contains(&path[place - 1].as_str());
        value = match value {
            Value::Object(map) => match map.get(name).or_else(|| as_go_spells(map, name)) {
                Some(next) => next,
                None if of_the_user => return Ok(Value::from("<no value>")),
                None => {
                    if let (Some(zero), true) = (left_out(name), place + 1 == path.len()) {
                        return Ok(zero);
                    }
                    return Err(TemplateError::new(format!(
                        "executing \"\" at <.{}>: map has no entry for key \"{name}\"",
                        path.join(".")
                    )));
                }
            },
            Value::Null => {
                return Err(TemplateError::new(format!(
                    "executing \"\" at <.{}>: nil pointer evaluating interface {{}}.{name}",
                    path.join(".")
                )));
            }
            _ => {
                return Err(TemplateError::new(format!(
                    "executing \"\" at <.{}>: can't evaluate field {name} in {}",
                    path.join("."),
                    print(value)
                )));
            }
        };
    }
    Ok(value.clone())
}
