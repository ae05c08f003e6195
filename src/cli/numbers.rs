//! Numbers as arguments: what is none, or makes no sense, is refused before any work begins.

use crate::latent::validate::check_truncation;

/// A truncation.
pub fn truncation(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|e| format!("{e}"))?;
    check_truncation(value).map_err(|p| p.to_string())?;
    Ok(value)
}

/// A number that is neither NaN nor infinite.
pub fn finite(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    if value.is_finite() { Ok(value) } else { Err("choose a finite number".into()) }
}

/// As [`finite`], in single precision.
pub fn finite_f32(text: &str) -> Result<f32, String> {
    let value = finite(text)? as f32;
    if value.is_finite() { Ok(value) } else { Err("choose a smaller number".into()) }
}

/// A finite number above zero.
pub fn positive(text: &str) -> Result<f64, String> {
    let value = finite(text)?;
    if value > 0.0 { Ok(value) } else { Err("choose a number above 0".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_at_the_door() {
        for text in ["nan", "NaN", "inf", "-inf", "1e400", "", "x"] {
            assert!(truncation(text).is_err() && finite(text).is_err() && finite_f32(text).is_err(), "{text}");
            assert!(positive(text).is_err(), "{text}");
        }
        assert!(finite_f32("1e39").is_err() && positive("0").is_err() && positive("-1").is_err());
        assert_eq!((truncation("0.7"), finite("-2.5"), positive("3")), (Ok(0.7), Ok(-2.5), Ok(3.0)));
        assert_eq!((truncation("-1"), finite_f32("3")), (Ok(-1.0), Ok(3.0)));
    }
}
