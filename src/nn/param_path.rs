//! Names of parameters while a module is visited or mapped.

/// The path of the parameter at hand, such as `blocks.0.a.weight`.
///
/// Variants of enums do not count: names say what a tensor is, not which model it belongs to.
#[derive(Clone, Debug, Default)]
pub struct Path(Vec<String>);

impl Path {
    /// To be called from `enter_module`.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.into());
        }
    }

    /// To be called from `exit_module`.
    pub fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// The name.
    pub fn name(&self) -> String {
        self.0.join(".")
    }

    /// Whether this is a buffer (running statistics), which no optimiser changes.
    pub fn is_buffer(&self) -> bool {
        self.0.last().is_some_and(|name| name.starts_with("running_"))
    }
}
