//! Devices by name, and opening them.
//!
//! `cpu` always works. A GPU is tried as `vulkan` (SPIR-V), `metal` or `dx12`, then as `wgsl` (Vulkan with WGSL) and `gl`
//! (OpenGL with WGSL); `vulkan:1` is the second discrete GPU.

use burn::tensor::Device;

use crate::base::{Problem, Result};

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
