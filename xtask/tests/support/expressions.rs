//! GitHub's expressions, as far as the workflows use them.
//!
//! Source: GitHub Actions, "Evaluate expressions in workflows and actions".
#![allow(
    dead_code,
    reason = "test support: each test program uses a part of it"
)]

use serde_json::{Value, json};

/// What a function that looks at the world answers.
pub type Call<'a> = dyn Fn(&str, &[Value]) -> Option<Value> + 'a;

/// Names and functions of one moment of a run.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `github`, `inputs`, `needs`, `steps`, …
    pub contexts: &'a Value,
    /// `always`, `hashFiles`, …
    pub call: &'a Call<'a>,
}

/// The value of what stands between `${{` and `}}`.
///
/// # Errors
/// What is not understood.
pub fn evaluate(text: &str, scope: Scope<'_>) -> Result<Value, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        scope,
    };
    let value = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(value),
        Some(rest) => Err(format!("`{text}`: unexpected {rest:?}")),
    }
}

/// A text with every `${{ … }}` filled in; if it is nothing but one, its value.
///
/// # Errors
/// As [`evaluate`].
pub fn filled(text: &str, scope: Scope<'_>) -> Result<Value, String> {
    let mut parts = expressions(text)?;
    if let [(before, Some(one))] = &parts[..1]
        && before.is_empty()
        && parts.get(1).is_none_or(|(rest, _)| rest.is_empty())
    {
        return evaluate(one, scope);
    }
    let mut whole = String::new();
    for (before, expression) in parts.drain(..) {
        whole.push_str(before);
        if let Some(expression) = expression {
            whole.push_str(&string(&evaluate(expression, scope)?));
        }
    }
    Ok(json!(whole))
}

/// Whether a step or job with this `if:` runs. Without one of the functions that
/// look at the status, `success()` is meant as well.
///
/// # Errors
/// As [`evaluate`].
pub fn condition(text: Option<&str>, scope: Scope<'_>) -> Result<bool, String> {
    let text = text.unwrap_or("success()").trim();
    let inner = text
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(text);
    let status = ["always()", "success()", "failure()", "cancelled()"];
    let said = status.iter().any(|function| inner.contains(function));
    let good = said || truthy(&evaluate("success()", scope)?);
    Ok(good && truthy(&evaluate(inner, scope)?))
}

/// The text around expressions, and each of them: `[(before, expression), …]`.
///
/// # Errors
/// One that does not end.
pub fn expressions(text: &str) -> Result<Vec<(&str, Option<&str>)>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (inner, after) = after
            .split_once("}}")
            .ok_or_else(|| format!("`{text}` does not end"))?;
        parts.push((before, Some(inner)));
        rest = after;
    }
    parts.push((rest, None));
    Ok(parts)
}

/// Whether a value counts as true.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|n| n != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A value as text.
pub fn string(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Values of different kinds are compared as numbers; texts without regard to
/// the case of their letters.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.eq_ignore_ascii_case(right),
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Null, Value::Null) => true,
        _ => number(left).is_some_and(|left| Some(left) == number(right)),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.is_empty() => Some(0.0),
        Value::String(text) => text.trim().parse().ok(),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Name(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 8] = ["==", "!=", "&&", "||", "!", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if let Some(after) = rest.strip_prefix('\'') {
            // Two quotes are one; nobody here needs that.
            let (inner, after) = after
                .split_once('\'')
                .ok_or_else(|| format!("`{text}`: a quote does not end"))?;
            tokens.push(Token::Text(inner.to_owned()));
            rest = after;
        } else if first.is_ascii_alphanumeric() || first == '_' {
            let named = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            let end = rest.find(|c| !named(c)).unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            return Err(format!("`{text}`: `{first}` is not understood"));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    scope: Scope<'a>,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    // Both sides are always evaluated: nothing here has an effect.
    fn or(&mut self) -> Result<Value, String> {
        let mut value = self.and()?;
        while self.takes("||") {
            let other = self.and()?;
            value = if truthy(&value) { value } else { other };
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<Value, String> {
        let mut value = self.comparison()?;
        while self.takes("&&") {
            let other = self.comparison()?;
            value = if truthy(&value) { other } else { value };
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<Value, String> {
        let mut value = self.not()?;
        loop {
            let wanted = if self.takes("==") {
                true
            } else if self.takes("!=") {
                false
            } else {
                return Ok(value);
            };
            let other = self.not()?;
            value = json!(equal(&value, &other) == wanted);
        }
    }

    fn not(&mut self) -> Result<Value, String> {
        if self.takes("!") {
            let value = self.not()?;
            return Ok(json!(!truthy(&value)));
        }
        self.single()
    }

    fn single(&mut self) -> Result<Value, String> {
        if self.takes("(") {
            let value = self.or()?;
            return match self.takes(")") {
                true => Ok(value),
                false => Err("a bracket does not end".to_owned()),
            };
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Text(text)) => Ok(json!(text)),
            Some(Token::Name(name)) => self.name(&name),
            other => Err(format!("{other:?} is not understood")),
        }
    }

    fn name(&mut self, name: &str) -> Result<Value, String> {
        if self.takes("(") {
            let mut arguments = Vec::new();
            while !self.takes(")") {
                arguments.push(self.or()?);
                let _ = self.takes(",");
            }
            if name == "fromJSON" {
                let text = arguments.first().map(string).unwrap_or_default();
                return serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"));
            }
            return (self.scope.call)(name, &arguments)
                .ok_or_else(|| format!("no function `{name}`"));
        }
        match name {
            "true" => return Ok(json!(true)),
            "false" => return Ok(json!(false)),
            "null" => return Ok(Value::Null),
            _ => {}
        }
        let mut parts = name.split('.');
        let context = parts.next().unwrap_or_default();
        let mut value = self
            .scope
            .contexts
            .get(context)
            .ok_or_else(|| format!("no context `{context}`"))?;
        // What is not there is null, as on GitHub.
        for part in parts {
            value = value.get(part).unwrap_or(&Value::Null);
        }
        Ok(value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope<'a>(contexts: &'a Value, call: &'a Call<'a>) -> Scope<'a> {
        Scope { contexts, call }
    }

    #[test]
    fn as_github_evaluates() {
        let contexts = json!({"a": {"b": "x", "yes": true, "nothing": ""}, "inputs": null});
        let call: &Call<'_> = &|name, _| (name == "success").then_some(Value::Bool(true));
        let value = |text: &str| evaluate(text, scope(&contexts, call)).unwrap();
        for (text, wanted) in [
            ("a.b", json!("x")),
            ("a.c.d", json!(null)),
            ("inputs.dry_run", json!(null)),
            ("!inputs.dry_run", json!(true)),
            ("a.b == 'X'", json!(true)),
            ("inputs.force == ''", json!(true)),
            ("a.b != 'y' && a.yes", json!(true)),
            ("a.yes && a.nothing || 'else'", json!("else")),
            ("a.nothing || (a.yes && 'this')", json!("this")),
            ("!(a.yes && a.b == 'x')", json!(false)),
            ("fromJSON('[1, 2]')", json!([1, 2])),
            ("a.yes == '1'", json!(true)),
        ] {
            assert_eq!(value(text), wanted, "{text}");
        }
        for wrong in ["b.c", "a.b ==", "a.b 'x'", "(a.b", "other()", "a.b > 'x'"] {
            assert!(evaluate(wrong, scope(&contexts, call)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_and_conditions() {
        let contexts = json!({"a": {"b": "x", "list": [1]}});
        let bad: &Call<'_> = &|name, _| match name {
            "always" => Some(json!(true)),
            "success" => Some(json!(false)),
            _ => None,
        };
        let scope = scope(&contexts, bad);
        assert_eq!(filled("${{ a.list }}", scope).unwrap(), json!([1]));
        assert_eq!(filled("<${{ a.b }}>", scope).unwrap(), json!("<x>"));
        assert_eq!(filled("plain", scope).unwrap(), json!("plain"));
        // After a step that failed.
        assert!(!condition(None, scope).unwrap());
        assert!(!condition(Some("a.b == 'x'"), scope).unwrap());
        assert!(condition(Some("always() && a.b == 'x'"), scope).unwrap());
        assert!(condition(Some("${{ always() }}"), scope).unwrap());
    }
}
