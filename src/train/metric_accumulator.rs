//! Numbers gathered on the device, read back once every few steps.

use burn::tensor::Tensor;

/// Sums of named numbers over steps. A number that is not finite poisons its sum, so one read-back finds it.
#[derive(Debug, Default)]
pub struct Meter {
    names: Vec<&'static str>,
    sum: Option<Tensor<1>>,
    steps: u32,
}

impl Meter {
    /// Adds one step's numbers, each `[1]`.
    pub fn add(&mut self, numbers: Vec<(&'static str, Tensor<1>)>) {
        let (names, values): (Vec<_>, Vec<_>) = numbers.into_iter().unzip();
        let values = Tensor::cat(values, 0);
        if self.names != names {
            // Another set of numbers: begin anew.
            *self = Self { names, ..Self::default() };
        }
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + values,
            None => values,
        });
        self.steps += 1;
    }

    /// Means since the last read, by name; `Err` names those that are not finite.
    #[allow(clippy::type_complexity)]
    pub fn read(&mut self) -> Result<Vec<(String, f64)>, Vec<String>> {
        let Some(sum) = self.sum.take() else { return Ok(Vec::new()) };
        let steps = f64::from(std::mem::take(&mut self.steps));
        let values = crate::nn::numbers(sum);
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (name, value) in self.names.iter().zip(values) {
            if value.is_finite() {
                good.push(((*name).to_string(), f64::from(value) / steps));
            } else {
                bad.push((*name).to_string());
            }
        }
        if bad.is_empty() { Ok(good) } else { Err(bad) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn means_are_read_and_what_is_not_finite_is_named() {
        let d = Device::flex();
        let t = |v: f32| Tensor::<1>::from_floats([v], &d);
        let mut meter = Meter::default();
        meter.add(vec![("a", t(1.0)), ("b", t(2.0))]);
        meter.add(vec![("a", t(3.0)), ("b", t(2.0))]);
        assert_eq!(meter.read().unwrap(), vec![("a".into(), 2.0), ("b".into(), 2.0)]);
        assert!(meter.read().unwrap().is_empty());
        meter.add(vec![("a", t(1.0)), ("b", t(f32::NAN))]);
        meter.add(vec![("a", t(1.0)), ("b", t(0.0))]);
        assert_eq!(meter.read().unwrap_err(), vec!["b".to_string()]);
    }
}
