//! Settings in words: titles of groups and choices, values as a person writes them.

use serde_json::Value;

use crate::recipe::architecture;
use crate::recipe::form::{Field, Group, Input};

/// Title of a group.
pub fn group_title(group: Group) -> &'static str {
    match group {
        Group::Data => "Data",
        Group::Model => "Model",
        Group::Objective => "Objective",
        Group::Optimiser => "Optimiser",
        Group::Schedule => "Schedule",
        Group::Output => "Output",
    }
}

/// A choice as the form shows it: `rgb` is "RGB", `res-gan` is "Residual GAN (R3GAN)".
pub fn option_title(key: &str, option: &str) -> String {
    if key == "model.id"
        && let Some(row) = architecture::find(option)
    {
        return row.title.into();
    }
    match option {
        "rgb" | "rgba" => option.to_uppercase(),
        "least-squares" => "Least squares".into(),
        _ => {
            let mut chars = option.chars();
            chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
        }
    }
}

/// What a whole number's 0 means, where it is not a number of things.
pub fn zero(key: &str) -> Option<&'static str> {
    matches!(key, "data.limit" | "data.depth").then_some("all")
}

/// A number in as few characters as say it: `0.0004`, `4e-5`, `120`, `1e7`.
pub fn short(v: f64) -> String {
    let a = v.abs();
    if v == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e7).contains(&a) {
        let text = format!("{v:.3e}");
        if let Some((digits, power)) = text.split_once('e') {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            return format!("{digits}e{power}");
        }
        return text;
    }
    let digits = (3 - a.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// A value in words, with its unit.
pub fn value_text(field: &Field, value: &Value) -> String {
    let with_unit = |text: String| if field.unit.is_empty() { text } else { format!("{text} {}", field.unit) };
    match (field.input, value) {
        (Input::Bool, Value::Bool(on)) => if *on { "on" } else { "off" }.into(),
        (Input::Choice { .. }, Value::String(s)) => option_title(field.key, s),
        (Input::Colour, Value::Array(c)) => {
            let part = |i: usize| c.get(i).and_then(Value::as_u64).unwrap_or(0);
            format!("#{:02X}{:02X}{:02X}", part(0), part(1), part(2))
        }
        (Input::List, Value::Array(list)) => match list.len() {
            0 => "none".into(),
            n => format!("{n} names"),
        },
        (Input::Schedule { .. }, Value::Object(_)) => {
            let part = |name: &str| value[name].as_f64().unwrap_or(0.0);
            let (start, end, kimg) = (part("start"), part("end"), part("kimg"));
            if kimg <= 0.0 || start == end {
                with_unit(short(start))
            } else {
                format!("{} to {} over {} kimg", short(start), short(end), short(kimg))
            }
        }
        (_, Value::Number(n)) if field.key == "seed" => n.to_string(),
        (_, Value::Number(n)) => with_unit(short(n.as_f64().unwrap_or(0.0))),
        (Input::Size { .. }, Value::String(s)) => with_unit(s.replace('x', " × ")),
        (_, Value::String(s)) if s.is_empty() => "empty".into(),
        (_, Value::String(s)) => s.clone(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::recipe::form::find;

    #[test]
    fn values_read_well() {
        let text = |key: &str, v| value_text(find(key).unwrap(), &v);
        assert_eq!(text("optim.lr", json!({"start": 4e-4, "end": 4e-4, "kimg": 0.0, "curve": "cosine"})), "4e-4");
        assert_eq!(
            text("objective.gamma", json!({"start": 2.0, "end": 0.2, "kimg": 50.0, "curve": "cosine"})),
            "2 to 0.2 over 50 kimg"
        );
        assert_eq!(text("data.resolution", json!(32)), "32 px");
        assert_eq!(text("data.resolution", json!("64x96")), "64 × 96 px");
        assert_eq!(text("data.channels", json!("rgb")), "RGB");
        assert_eq!(text("data.background", json!([255, 0, 16])), "#FF0010");
        assert_eq!(text("data.mirror", json!(true)), "on");
        assert_eq!(text("model.id", json!("dcgan")), "DCGAN");
        assert_eq!(short(0.0125), "0.0125");
        assert_eq!(short(1e7), "1e7");
        assert_eq!(short(120.0), "120");
    }
}
