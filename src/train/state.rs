//! Everything of a trainer that a checkpoint keeps: tensors by name, and what is not tensors.

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::optim::{Adam, AdamState, parameter_sizes};
use crate::base::rng::{Stream, StreamState};
use crate::base::{Problem, Result};
use crate::models::io::{HostTensor, Weights};

/// What of a trainer is not weights.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct TrainerState {
    /// Random streams by name.
    pub streams: Vec<(String, StreamState)>,
    /// Products of β₁ and β₂ of each optimiser, by name.
    pub decays: Vec<(String, f64, f64)>,
    /// Other numbers, by name.
    #[serde(default)]
    pub numbers: Vec<(String, f64)>,
}

/// Takes down the state of a trainer, part by part.
#[derive(Default)]
pub struct StateWriter {
    pub(super) weights: Weights,
    pub(super) state: TrainerState,
}

impl StateWriter {
    /// A network.
    pub fn module<M: Module>(&mut self, name: &str, module: &M) {
        self.weights.put(&format!("{name}."), module);
    }

    /// An optimiser.
    pub fn adam(&mut self, name: &str, adam: &Adam) {
        let state = adam.state();
        for (i, (m, v)) in state.moments.into_iter().enumerate() {
            for (which, values) in [("m", m), ("v", v)] {
                let tensor = HostTensor { shape: vec![values.len()], values };
                self.weights.tensors.insert(format!("{name}.{which}.{i:04}"), tensor);
            }
        }
        self.state.decays.push((name.to_string(), state.decay1, state.decay2));
    }

    /// A random stream.
    pub fn stream(&mut self, name: &str, stream: &Stream) {
        self.state.streams.push((name.to_string(), stream.state()));
    }

    /// Any other number.
    pub fn number(&mut self, name: &str, value: f64) {
        self.state.numbers.push((name.to_string(), value));
    }
}

/// Gives the parts of a kept state back.
pub struct StateReader<'a> {
    /// Tensors by name.
    pub weights: &'a Weights,
    /// What is not tensors.
    pub state: &'a TrainerState,
}

impl StateReader<'_> {
    /// A network, as it was kept.
    ///
    /// # Errors
    /// The state belongs to another model.
    pub fn module<M: Module>(&self, name: &str, module: &M) -> Result<M> {
        self.weights.under(&format!("{name}.")).load(module.clone())
    }

    /// The optimiser of a network.
    ///
    /// # Errors
    /// It is not there, or belongs to another model.
    pub fn adam<M: Module>(&self, name: &str, module: &M, device: &Device) -> Result<Adam> {
        let (_, decay1, decay2) = self
            .state
            .decays
            .iter()
            .find(|d| d.0 == name)
            .ok_or_else(|| Problem::data("This checkpoint lacks an optimiser").of(name))?;
        let moments = (0..)
            .map_while(|i| {
                let get = |which| self.weights.tensors.get(&format!("{name}.{which}.{i:04}"));
                Some((get("m")?.values.clone(), get("v")?.values.clone()))
            })
            .collect();
        let state = AdamState { moments, decay1: *decay1, decay2: *decay2 };
        state.fits(&parameter_sizes(module))?;
        Ok(Adam::from_state(&state, device))
    }

    /// A random stream that every checkpoint has.
    ///
    /// # Errors
    /// It is not there.
    pub fn stream(&self, name: &str) -> Result<Stream> {
        self.found(name).ok_or_else(|| Problem::data("This checkpoint lacks a random stream").of(name))
    }

    /// A random stream that older checkpoints lack: nothing was drawn from it then, and it stays as it began.
    pub fn later_stream(&self, name: &str, place: &mut Stream) {
        if let Some(kept) = self.found(name) {
            *place = kept;
        }
    }

    fn found(&self, name: &str) -> Option<Stream> {
        self.state.streams.iter().find(|s| s.0 == name).map(|s| Stream::from_state(&s.1))
    }

    /// Any other number; 0 in checkpoints that lack it.
    pub fn number(&self, name: &str) -> f64 {
        self.state.numbers.iter().find(|n| n.0 == name).map_or(0.0, |n| n.1)
    }
}
