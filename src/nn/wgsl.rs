//! A Vulkan GPU whose kernels are written in WGSL rather than SPIR-V.
//!
//! cubecl compiles to SPIR-V whenever a Vulkan adapter could take it, and some drivers cannot: they crash or compute
//! wrong numbers there and work well with shaders that naga made of WGSL. An instance of Vulkan 1.0, without the query
//! for newer features, is one of which cubecl knows that only WGSL suits it; so this device is opened by hand.

use std::ffi::CStr;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ash::{khr, vk};
use burn::tensor::Device;
use burn::tensor::wgpu::wgpu::{self, hal};
use burn::tensor::wgpu::{WgpuInitError, WgpuSetup};

use crate::base::{Problem, Result};

/// Opens the best Vulkan adapter, or the discrete GPU of this number.
///
/// # Errors
/// There is no Vulkan here, no such adapter, or it does not start.
pub fn open(index: Option<usize>, id: &str) -> Result<Device> {
    let fail = |why: &dyn std::fmt::Display| {
        Problem::failed("This device does not start").of(id).because(why).try_this("Use the CPU, or update the driver")
    };
    let instance = instance().map_err(|e| fail(&e))?;
    let mut adapters = at_once(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    let rank = |a: &wgpu::Adapter| match a.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    adapters.sort_by_key(rank);
    adapters.retain(|a| index.is_none() || rank(a) == 0);
    let adapter = adapters.into_iter().nth(index.unwrap_or(0)).ok_or_else(|| fail(&"there is no Vulkan adapter"))?;
    let wanted = wgpu::DeviceDescriptor {
        label: None,
        required_features: adapter.features().difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
        required_limits: adapter.limits(),
        // cubecl takes memory in large blocks by itself.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
        // SAFETY: all features that the adapter has are asked for, experimental ones among them; none of them is used
        // but by cubecl's own kernels.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
    };
    let (device, queue) = at_once(adapter.request_device(&wanted)).map_err(|e| fail(&e))?;
    let setup = WgpuSetup { instance, adapter, device, queue, backend: wgpu::Backend::Vulkan };
    Device::wgpu_options().setup(setup).init().map_err(|e: WgpuInitError| fail(&e))
}

/// An instance that says it is of Vulkan 1.0.
fn instance() -> std::result::Result<wgpu::Instance, String> {
    let flags = wgpu::InstanceFlags::empty();
    // SAFETY: the loader's library stays loaded as long as `entry`, which the instance keeps. `raw` is made from that
    // entry with exactly these extensions; wgpu is told of one less, and of an older version, than are there, which
    // only keeps it from using what it could use. It owns `raw` from then on.
    unsafe {
        let entry = ash::Entry::load().map_err(|e| e.to_string())?;
        let version = entry.try_enumerate_instance_version().ok().flatten().unwrap_or(vk::API_VERSION_1_0);
        let version = version.min(vk::API_VERSION_1_3);
        let mut extensions =
            hal::vulkan::Instance::desired_extensions(&entry, version, flags).map_err(|e| e.to_string())?;
        let names: Vec<*const std::ffi::c_char> = extensions.iter().map(|name| name.as_ptr()).collect();
        let program: &CStr = c"latent-studio";
        let about = vk::ApplicationInfo::default().application_name(program).engine_name(program).api_version(version);
        let info = vk::InstanceCreateInfo::default().application_info(&about).enabled_extension_names(&names);
        let raw = entry.create_instance(&info, None).map_err(|e| e.to_string())?;
        extensions.retain(|name| *name != khr::get_physical_device_properties2::NAME);
        let instance = hal::vulkan::Instance::from_raw(
            entry,
            raw,
            vk::API_VERSION_1_0,
            0,
            None,
            extensions,
            flags,
            wgpu::MemoryBudgetThresholds::default(),
            false,
            None,
        );
        Ok(wgpu::Instance::from_hal::<hal::api::Vulkan>(instance.map_err(|e| e.to_string())?))
    }
}

/// Runs a future that is ready as soon as it is looked at, as wgpu's are outside of browsers.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}
