//! The enumerations of an application pool's properties (IIS configuration reference, `applicationPools/add`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::iis_enum;

/// Whether a pool runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// It runs: started and, when always running, with a worker process under the desired account.
    Started,
    /// It does not.
    Stopped,
    /// There is none.
    Absent,
    /// Found: on its way, for longer than the host waits.
    #[serde(skip_deserializing)]
    Changing,
    /// Found: started without the worker process that `start_mode: always_running` promises.
    #[serde(skip_deserializing)]
    StartedWithoutWorker,
    /// Found: started, its worker process under another account.
    #[serde(skip_deserializing)]
    StartedAsAnotherAccount,
}

iis_enum! {
    /// When a worker process starts.
    pub enum StartMode {
        /// At the first request.
        OnDemand = "on_demand" / "OnDemand",
        /// With the pool.
        AlwaysRunning = "always_running" / "AlwaysRunning",
    }
}

iis_enum! {
    /// The .NET runtime of a pool.
    pub enum Runtime {
        /// .NET Framework 4.x.
        V4 = "v4.0" / "v4.0",
        /// .NET Framework 2.0 to 3.5.
        V2 = "v2.0" / "v2.0",
        /// None: native code, or ASP.NET Core.
        None = "none" / "",
    }
}

iis_enum! {
    /// How ASP.NET takes part in requests.
    pub enum PipelineMode {
        /// In every request.
        Integrated = "integrated" / "Integrated",
        /// As an ISAPI extension, as IIS 6 did.
        Classic = "classic" / "Classic",
    }
}

iis_enum! {
    /// How the identity's user is logged on.
    pub enum LogonType {
        /// As a batch job.
        LogonBatch = "logon_batch" / "LogonBatch",
        /// As a service.
        LogonService = "logon_service" / "LogonService",
    }
}

iis_enum! {
    /// What happens to an idle worker process.
    pub enum IdleTimeoutAction {
        /// It ends.
        Terminate = "terminate" / "Terminate",
        /// It is paged out and wakes faster than a new one starts.
        Suspend = "suspend" / "Suspend",
    }
}

iis_enum! {
    /// Ends of worker processes that are logged, in the order of the schema.
    pub enum ProcessModelEvent {
        /// Idle for too long.
        IdleTimeout = "idle_timeout" / "IdleTimeout",
    }
}

iis_enum! {
    /// Recycles that are logged, in the order of the schema.
    pub enum RecycleEvent {
        /// Its time was up.
        Time = "time" / "Time",
        /// It had its requests.
        Requests = "requests" / "Requests",
        /// A time of day had come.
        Schedule = "schedule" / "Schedule",
        /// Virtual memory.
        Memory = "memory" / "Memory",
        /// An ISAPI extension called itself unhealthy.
        IsapiUnhealthy = "isapi_unhealthy" / "IsapiUnhealthy",
        /// Somebody asked for it.
        OnDemand = "on_demand" / "OnDemand",
        /// Configuration changed.
        ConfigChange = "config_change" / "ConfigChange",
        /// Private memory.
        PrivateMemory = "private_memory" / "PrivateMemory",
    }
}

iis_enum! {
    /// What clients get while a pool is down.
    pub enum LoadBalancerCapabilities {
        /// A closed connection, for balancers that know only TCP.
        TcpLevel = "tcp_level" / "TcpLevel",
        /// 503 from http.sys.
        HttpLevel = "http_level" / "HttpLevel",
    }
}

iis_enum! {
    /// What happens at the CPU limit.
    pub enum CpuAction {
        /// Nothing; an event is logged.
        NoAction = "no_action" / "NoAction",
        /// The worker process is killed.
        KillW3wp = "kill_w3wp" / "KillW3wp",
        /// It is held to the limit.
        Throttle = "throttle" / "Throttle",
        /// It is held to the limit while others want the processor.
        ThrottleUnderLoad = "throttle_under_load" / "ThrottleUnderLoad",
    }
}

iis_enum! {
    /// How NUMA nodes are chosen.
    pub enum NumaAssignment {
        /// The node with most memory free.
        MostAvailableMemory = "most_available_memory" / "MostAvailableMemory",
        /// As Windows schedules.
        WindowsScheduling = "windows_scheduling" / "WindowsScheduling",
    }
}

iis_enum! {
    /// How strictly threads stay on their NUMA node.
    pub enum NumaAffinity {
        /// They may leave it.
        Soft = "soft" / "Soft",
        /// They may not.
        Hard = "hard" / "Hard",
    }
}
