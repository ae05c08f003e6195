//! Devices: names, opening, and the check that one computes right numbers.
//!
//! `cpu` always works. A GPU is tried as `vulkan` (SPIR-V), `metal` or `dx12`, then as `wgsl` (Vulkan with WGSL) and `gl`
//! (OpenGL with WGSL); `vulkan:1` is the second discrete GPU. [`probe_one`] may crash with its driver: it is meant to run in a child process.

use std::time::Instant;

use burn::tensor::Device;

use super::compare::{self, Difference};
use super::trainer::Trainer;
use crate::base::{Problem, Result};
use crate::recipe::Schedule;
use crate::recipe::flops::gmacs_per_picture;
use crate::recipe::preset::{self, Facts};

/// Largest relative difference from the CPU that a device may show.
pub const TOLERANCE: f64 = 2e-3;

/// Ids of the devices that are worth probing on this platform, with a name; the CPU comes first.
pub fn candidates() -> Vec<(String, String)> {
    let mut out = vec![("cpu".to_string(), cpu_name())];
    if cfg!(feature = "cuda") {
        out.push(("cuda".into(), "NVIDIA GPU (CUDA)".into()));
    }
    if cfg!(feature = "wgpu") {
        if cfg!(target_os = "macos") {
            out.push(("metal".into(), "GPU (Metal)".into()));
        } else {
            out.push(("vulkan".into(), "GPU (Vulkan)".into()));
            if cfg!(target_os = "windows") {
                out.push(("dx12".into(), "GPU (DirectX 12)".into()));
            }
            out.push(("wgsl".into(), "GPU (Vulkan, WGSL)".into()));
            out.push(("gl".into(), "GPU (OpenGL, WGSL)".into()));
        }
    }
    out
}

fn cpu_name() -> String {
    match rayon::current_num_threads() {
        1 => "CPU (1 thread)".into(),
        n => format!("CPU ({n} threads)"),
    }
}

/// Opens a device by its id, without autodiff.
///
/// # Errors
/// There is no such device, or it does not start.
pub fn open(id: &str) -> Result<Device> {
    let (kind, index) = id.split_once(':').unwrap_or((id, ""));
    let _index: Option<usize> = if index.is_empty() {
        None
    } else {
        Some(index.parse().map_err(|_| Problem::usage("A device's number is not a number").of(id))?)
    };
    match kind {
        "cpu" | "flex" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(_index.unwrap_or(0))),
        #[cfg(feature = "wgpu")]
        "vulkan" | "metal" | "dx12" | "wgsl" | "gl" => open_wgpu(kind, _index, id),
        _ => Err(Problem::usage("There is no device of this name").of(id).try_this(format!(
            "Choose one of: auto, {}",
            candidates().iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

#[cfg(feature = "wgpu")]
fn open_wgpu(kind: &str, index: Option<usize>, id: &str) -> Result<Device> {
    use std::collections::HashMap;

    use burn::tensor::DeviceKind;
    use burn::tensor::wgpu::WgpuBackend;
    use parking_lot::Mutex;

    // The runtime of a device may be initialised once in a process.
    static OPENED: Mutex<Option<HashMap<String, Device>>> = Mutex::new(None);
    let mut opened = OPENED.lock();
    let opened = opened.get_or_insert_with(HashMap::new);
    if let Some(device) = opened.get(id) {
        return Ok(device.clone());
    }
    #[cfg(not(target_os = "macos"))]
    if kind == "wgsl" {
        let device = super::wgsl::open(index, id)?;
        opened.insert(id.to_string(), device.clone());
        return Ok(device);
    }
    let api = match kind {
        "vulkan" => WgpuBackend::Vulkan,
        "metal" => WgpuBackend::Metal,
        "dx12" => WgpuBackend::Dx12,
        _ => WgpuBackend::Gl,
    };
    let kind = index.map_or(DeviceKind::DefaultDevice, DeviceKind::DiscreteGpu);
    let device = Device::wgpu_options().graphics_api(api).device_kind(kind).init().map_err(|e| {
        Problem::failed("This device does not start").of(id).because(e).try_this("Use the CPU, or update the driver")
    })?;
    opened.insert(id.to_string(), device.clone());
    Ok(device)
}

/// What the driver calls a device.
pub fn name_of(id: &str, device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    let _ = device;
    candidates().into_iter().find(|c| c.0 == id).map_or_else(|| id.to_string(), |c| c.1)
}

/// What a probe measured.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// Name by the driver.
    pub name: String,
    /// A rasteriser on the CPU rather than a GPU.
    pub software: bool,
    /// How far it is from the CPU; nothing for a software renderer, which is not tried.
    pub difference: Option<Difference>,
    /// Billions of multiply-adds a second of a small training step.
    pub gmacs_per_s: f64,
}

/// Billions of multiply-adds a second in whole training steps of the first preset, in that preset's own count: what its
/// estimates of minutes are made of.
fn speed(device: &Device) -> Result<f64> {
    let preset = preset::find("gan").ok_or_else(|| Problem::failed("The first preset is missing"))?;
    let mut recipe = preset.recipe(Facts { pictures: 100_000, resolution: 32 });
    recipe.objective.augment = Schedule::constant(0.0);
    let n = 16;
    let mut trainer = Trainer::new(&recipe, device)?;
    let bytes = vec![127u8; n * recipe.shape().bytes()];
    // The first step compiles kernels; the penalty comes every fourth.
    let labels = vec![None; n];
    trainer.step(&bytes, &labels, 1, 0, 1.0);
    let _ = trainer.read();
    let began = Instant::now();
    let mut steps = 0u32;
    while steps < 4 || (began.elapsed().as_secs_f64() < 0.5 && steps < 100) {
        trainer.step(&bytes, &labels, u64::from(steps), 0, 1.0);
        // Reading waits for the device.
        let _ = trainer.read();
        steps += 1;
    }
    let images_per_s = f64::from(steps) * n as f64 / began.elapsed().as_secs_f64();
    Ok(images_per_s * gmacs_per_picture(&recipe))
}

/// Opens a device, compares it with the CPU and measures its speed. May crash with the driver.
///
/// # Errors
/// It does not start, or a tensor operation fails.
pub fn probe_one(id: &str) -> Result<Probe> {
    let device = open(id)?;
    let name = name_of(id, &device);
    if is_software(&name) {
        // It would take minutes to say what is known: the CPU itself is faster.
        return Ok(Probe { name, software: true, difference: None, gmacs_per_s: 0.0 });
    }
    let difference = compare::compare(&Device::flex(), &device)?;
    Ok(Probe { name, software: false, difference: Some(difference), gmacs_per_s: speed(&device)? })
}

/// Whether this is the name of a rasteriser on the CPU rather than of a GPU.
pub fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["llvmpipe", "swiftshader", "software", "lavapipe", "basic render"].iter().any(|s| name.contains(s))
}

/// Opens a device and compares it with the CPU, also one that is not worth using. May crash with the driver.
///
/// # Errors
/// It does not start, or a tensor operation fails.
pub fn compare_one(id: &str) -> Result<(String, Difference)> {
    let device = open(id)?;
    Ok((name_of(id, &device), compare::compare(&Device::flex(), &device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_others_are_named() {
        assert!(open("toaster").unwrap_err().remedy.unwrap().contains("cpu"));
        let probe = probe_one("cpu").unwrap();
        assert!(probe.gmacs_per_s > 0.0 && !probe.software);
    }
}
