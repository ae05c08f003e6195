//! The real models: what the studio's floors below make of a name.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::inference::{Backend, Code, Inference};
use crate::base::paths::Paths;
use crate::base::{Picture, Progress, Result};
use crate::latent::catalog::{self, Source};
use crate::latent::fit_prior::{self, PriorConfig};
use crate::latent::model::LoadedModel;
use crate::models::info::{Listing, ModelInfo};
use crate::recipe::picture::Latent;
use crate::train::device;

/// Models found in the studio's folders and computed on a device.
pub struct RealBackend {
    paths: Paths,
    device: Mutex<String>,
}

impl RealBackend {
    /// Models of these folders on this device.
    pub fn new(paths: Paths, device: impl Into<String>) -> Self {
        Self { paths, device: Mutex::new(device.into()) }
    }
}

impl Backend for RealBackend {
    fn open(&self, model: &str) -> Result<Box<dyn Inference>> {
        let device = self.device.lock().clone();
        Ok(Box::new(LoadedModel::open(model, &self.paths, &device)?))
    }

    fn load(&self, model: &str) -> Result<LoadedModel> {
        let device = self.device.lock().clone();
        LoadedModel::open(model, &self.paths, &device)
    }

    fn stamp(&self, model: &str) -> Option<String> {
        match catalog::resolve(model, &self.paths).ok()? {
            Source::File { path, .. } => {
                let meta = std::fs::metadata(&path).ok()?;
                Some(format!("{} {} {:?}", path.display(), meta.len(), meta.modified().ok()))
            }
            Source::Embedded(i) => Some(format!("inside {i}")),
        }
    }

    fn list(&self, runs: &[PathBuf]) -> Listing {
        let mut all = catalog::survey(&self.paths);
        for dir in runs {
            let name = dir.to_string_lossy();
            if all.models.iter().all(|m| m.model != name) && all.broken.iter().all(|m| m.model != name) {
                match catalog::run_model(dir) {
                    Some((_, Ok(info))) => all.models.push(info),
                    Some((_, Err(broken))) => all.broken.push(*broken),
                    None => {}
                }
            }
        }
        all
    }

    fn import(&self, path: &Path) -> Result<ModelInfo> {
        catalog::import(path, &self.paths)
    }

    fn export(&self, model: &str, out: &Path) -> Result<()> {
        catalog::export(model, out, &self.paths)?;
        // Whoever takes a model elsewhere opens it there.
        catalog::write_loader(out).map(|_| ())
    }

    fn fit_prior(&self, wish: &PriorConfig, progress: &dyn Progress) -> Result<()> {
        let device = self.device.lock().clone();
        fit_prior::fit_model(wish, &self.paths, &device, progress).map(|_| ())
    }

    fn remove_prior(&self, model: &str) -> Result<()> {
        catalog::keep_prior(model, None, &self.paths).map(|_| ())
    }

    fn candidates(&self) -> Vec<(String, String)> {
        device::candidates()
    }

    fn device(&self) -> String {
        let device = self.device.lock();
        if *device == "cpu" { "flex".into() } else { device.clone() }
    }

    fn use_device(&self, id: &str) -> Result<()> {
        device::open(id)?;
        *self.device.lock() = id.into();
        Ok(())
    }
}

impl Inference for LoadedModel {
    fn info(&self) -> &ModelInfo {
        Self::info(self)
    }

    fn use_prior(&mut self, on: bool) {
        Self::use_prior(self, on);
    }

    fn generate(
        &self,
        latents: &[Latent],
        truncation: f32,
        each: &mut dyn FnMut(usize, Picture) -> bool,
    ) -> Result<()> {
        self.generate_with(latents, truncation, each)
    }

    fn encode(&self, picture: &Picture) -> Result<Code> {
        let code = Self::encode(self, picture)?;
        Ok(Code { input: code.input, mean: code.mean, deviation: code.deviation, reconstruction: code.reconstruction })
    }

    fn contact_sheet(&self) -> Result<Picture> {
        Self::contact_sheet(self)
    }

    fn real(&self) -> Option<&LoadedModel> {
        Some(self)
    }
}
