//! `iis_app_pool`: an IIS application pool.

use std::collections::BTreeMap;

use super::identity::{Identity, User};
use super::iis_application::{application, sites};
use super::mirror::{self, mirrored};
use super::pool_values::{
    CpuAction, IdleTimeoutAction, LoadBalancerCapabilities, LogonType, NumaAffinity, NumaAssignment, PipelineMode,
    PoolState, ProcessModelEvent, RecycleEvent, Runtime, StartMode,
};
use super::start_anew::Recycle;
use super::{Anew, Disturbance, Found, Phase, Problems, Reads, Resource, Unnoticed, Writes, pool_collections, was};
use crate::hostcall::answer::RunState;
use crate::hostcall::config::AppPath;
use crate::hostcall::{Control, ControlTarget, Edit, ElementPath, Expected, Refusal, Text, Token};
use crate::value::{Changes, Flags, Secret, TimeOfDay, TimeSpan};

mirrored! {
    /// An IIS application pool: the worker processes that run applications, and whom they run as.
    ///
    /// A property that is not set is left as it is.
    pub struct IisAppPool {
        own {
            /// The pool's name.
            name: String,
            /// Whether the pool runs. `absent` removes it, which IIS allows only when no application uses it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            state: Option<PoolState>,
            /// Whom its worker processes run as: a built-in account, or `{ user, password }`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            identity: Option<Identity>,
            /// Times of day, in the host's time zone, at which it recycles; exactly these.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            periodic_restart_schedule: Option<Vec<TimeOfDay>>,
            /// Environment variables of its worker processes; exactly these. IIS 10.0 from Windows Server 2016 on.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            environment_variables: Option<BTreeMap<String, String>>,
            /// Whether what they notice only when they start has reached its worker processes.
            #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
            #[schemars(skip)]
            recycle: Option<Recycle>,
        }
        mirrors {
            /// Whether it starts with the server, and again when an administrator asks.
            auto_start: bool = "autoStart",
            /// Whether a worker process is there before the first request.
            start_mode: StartMode = "startMode",
            /// The .NET runtime that is loaded into its worker processes.
            managed_runtime_version: Runtime = "managedRuntimeVersion",
            /// Whether ASP.NET sees every request or only its own kinds.
            managed_pipeline_mode: PipelineMode = "managedPipelineMode",
            /// The loader of the .NET runtime, `webengine4.dll`.
            managed_runtime_loader: String = "managedRuntimeLoader",
            /// A file with settings for the .NET runtime of this pool.
            clr_config_file: String = "CLRConfigFile",
            /// Whether its worker processes are 32-bit; they then read the 32-bit framework's configuration.
            enable_32_bit_app_on_win64: bool = "enable32BitAppOnWin64",
            /// Whether web.config files may override what the server allows them to.
            enable_configuration_override: bool = "enableConfigurationOverride",
            /// Whether WAS makes the token of the anonymous user for its worker processes.
            pass_anonymous_token: bool = "passAnonymousToken",
            /// Requests that http.sys queues before it answers 503.
            queue_length: u32 = "queueLength" within 10..=65535,
            /// How the identity's user is logged on.
            logon_type: LogonType = "processModel/logonType",
            /// Whether IIS leaves it to you to put the identity into IIS_IUSRS.
            manual_group_membership: bool = "processModel/manualGroupMembership",
            /// Whether the user profile of the identity is loaded.
            load_user_profile: bool = "processModel/loadUserProfile",
            /// Whether the environment comes from that profile.
            set_profile_environment: bool = "processModel/setProfileEnvironment",
            /// How long without a request before a worker process ends; `0` for never.
            idle_timeout: TimeSpan = "processModel/idleTimeout",
            /// What happens to an idle worker process.
            idle_timeout_action: IdleTimeoutAction = "processModel/idleTimeoutAction" since "8.5",
            /// Worker processes; more than 1 is a web garden, each a farm node of its own to the application.
            max_processes: u32 = "processModel/maxProcesses" within 0..=2_147_483_647,
            /// Whether WAS pings worker processes.
            pinging_enabled: bool = "processModel/pingingEnabled",
            /// How often.
            ping_interval: TimeSpan = "processModel/pingInterval",
            /// How long it waits for the answer.
            ping_response_time: TimeSpan = "processModel/pingResponseTime",
            /// How long a worker process may take to start.
            startup_time_limit: TimeSpan = "processModel/startupTimeLimit",
            /// How long it may take to finish what it has; WebSockets never finish by themselves.
            shutdown_time_limit: TimeSpan = "processModel/shutdownTimeLimit",
            /// Which ends of worker processes are logged.
            log_event_on_process_model: Flags<ProcessModelEvent> = "processModel/logEventOnProcessModel",
            /// Another identity that may take requests from its queue.
            request_queue_delegator_identity: String = "processModel/requestQueueDelegatorIdentity",
            /// Whether the old worker process ends before the new one starts.
            disallow_overlapping_rotation: bool = "recycling/disallowOverlappingRotation",
            /// Whether a change of configuration leaves worker processes as they are.
            disallow_rotation_on_config_change: bool = "recycling/disallowRotationOnConfigChange",
            /// Which recycles are logged.
            log_event_on_recycle: Flags<RecycleEvent> = "recycling/logEventOnRecycle",
            /// Time after which it recycles; `0` for never.
            periodic_restart_time: TimeSpan = "recycling/periodicRestart/time",
            /// Requests after which it recycles; 0 for never.
            periodic_restart_requests: u32 = "recycling/periodicRestart/requests",
            /// Kilobytes of virtual memory after which it recycles; 0 for never.
            periodic_restart_memory_kb: u32 = "recycling/periodicRestart/memory",
            /// Kilobytes of private memory after which it recycles; 0 for never.
            periodic_restart_private_memory_kb: u32 = "recycling/periodicRestart/privateMemory",
            /// What clients get while the pool is down: 503 from http.sys, or a closed connection.
            load_balancer_capabilities: LoadBalancerCapabilities = "failure/loadBalancerCapabilities",
            /// Whether a pool that crashes too often is stopped.
            rapid_fail_protection: bool = "failure/rapidFailProtection",
            /// The time in which crashes are counted.
            rapid_fail_protection_interval: TimeSpan = "failure/rapidFailProtectionInterval",
            /// How many crashes are too many.
            rapid_fail_protection_max_crashes: u32 = "failure/rapidFailProtectionMaxCrashes" within 0..=2_147_483_647,
            /// A program that runs when the pool is stopped for crashing.
            auto_shutdown_exe: String = "failure/autoShutdownExe",
            /// Its parameters.
            auto_shutdown_params: String = "failure/autoShutdownParams",
            /// Whether a worker process that does not answer is left running for a debugger.
            orphan_worker_process: bool = "failure/orphanWorkerProcess",
            /// A program that runs then.
            orphan_action_exe: String = "failure/orphanActionExe",
            /// Its parameters.
            orphan_action_params: String = "failure/orphanActionParams",
            /// What happens at the CPU limit.
            cpu_action: CpuAction = "cpu/action",
            /// The CPU limit in thousandths of a percent; 0 for none.
            cpu_limit: u32 = "cpu/limit" within 0..=100_000,
            /// The time over which CPU use is measured.
            cpu_reset_interval: TimeSpan = "cpu/resetInterval",
            /// Whether the affinity masks hold.
            smp_affinitized: bool = "cpu/smpAffinitized",
            /// Processors 0 to 31, as a bit mask.
            smp_processor_affinity_mask: u32 = "cpu/smpProcessorAffinityMask",
            /// Processors 32 to 63, as a bit mask.
            smp_processor_affinity_mask2: u32 = "cpu/smpProcessorAffinityMask2",
            /// The processor group, on servers with more than 64 processors.
            processor_group: u32 = "cpu/processorGroup" within 0..=2_147_483_647,
            /// How NUMA nodes are chosen.
            numa_node_assignment: NumaAssignment = "cpu/numaNodeAssignment",
            /// How strictly threads stay on their NUMA node.
            numa_node_affinity_mode: NumaAffinity = "cpu/numaNodeAffinityMode",
        }
    }
}

const SECTION: &str = "system.applicationHost/applicationPools";

impl IisAppPool {
    fn at(&self) -> ElementPath {
        ElementPath::section(SECTION).item([("name", &self.name)])
    }

    /// The ids of its worker processes.
    fn workers(&self, found: &Found) -> Result<Vec<u32>, Refusal> {
        let workers = found.pool(&self.name)?.map(|pool| pool.workers).unwrap_or_default();
        Ok(workers.into_iter().map(|worker| worker.pid).collect())
    }

    fn user(&self) -> Option<&User> {
        self.identity.as_ref().and_then(Identity::user)
    }

    /// The state in the desired state's own words. It is held to what the pool is configured to be, in `actual`:
    /// that it is configured otherwise shows as that alone.
    fn state(&self, actual: &IisAppPool, found: &Found) -> Result<Option<PoolState>, Refusal> {
        let runtime = found.pool(&self.name)?;
        let state = runtime.as_ref().map_or(RunState::Unknown, |pool| pool.state);
        let workers = runtime.map(|pool| pool.workers).unwrap_or_default();
        let always_running = [self, actual].iter().all(|pool| pool.start_mode == Some(StartMode::AlwaysRunning));
        let identity = self.identity.as_ref().filter(|_| actual.identity == self.identity);
        Ok(Some(match state {
            RunState::Started if self.state != Some(PoolState::Started) || !always_running => PoolState::Started,
            RunState::Started if workers.is_empty() => PoolState::StartedWithoutWorker,
            RunState::Started => match identity {
                Some(identity) if !workers.iter().all(|worker| self.is_own(identity, &worker.account, found)) => {
                    PoolState::StartedAsAnotherAccount
                }
                _ => PoolState::Started,
            },
            RunState::Stopped => PoolState::Stopped,
            RunState::Starting | RunState::Stopping | RunState::Unknown => PoolState::Changing,
        }))
    }

    fn is_own(&self, identity: &Identity, account: &str, found: &Found) -> bool {
        let desired = identity.worker_account(&self.name);
        let canonical = found.account_name(&desired);
        [Some(desired), canonical].into_iter().flatten().any(|name| name.eq_ignore_ascii_case(account))
    }
}

impl Resource for IisAppPool {
    const KIND: &'static str = "iis_app_pool";
    const EXAMPLE: &'static str = include_str!("iis_app_pool.example.yml");

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self, problems: &mut Problems) {
        super::check_object_name(&self.name, problems);
        mirror::check(self, problems);
        if self.state == Some(PoolState::Absent) && self.claims().len() > 2 {
            problems.add("state", "a pool that shall be absent has no other properties", "leave them out");
        }
        let Some(user) = self.user() else { return };
        match &user.password {
            Some(Secret::Named(_)) if user.user.is_managed() => problems.add(
                "identity.password",
                format!("`{}` is a managed service account: the domain keeps its password", user.user.as_str()),
                "leave the password out",
            ),
            None => problems.add(
                "identity",
                format!("`{}` needs a password", user.user.as_str()),
                "password: \"{{ secret('name') }}\"",
            ),
            Some(_) => {}
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.config(self.at());
        reads.pool(&self.name);
        if let Some(user) = self.user() {
            reads.account(user.user.as_str());
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Ok(host) = found.host() else { return };
        mirror::conflicts(self, host.iis.as_deref(), problems);
        if self.environment_variables.is_some() && host.iis.as_deref().is_some_and(|iis| !iis.starts_with("10.")) {
            let message = "environment variables of pools came with IIS 10.0 (Windows Server 2016)";
            problems.add("environment_variables", message, "leave them out for this host");
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let Some(element) = found.config(&self.at())? else {
            let absent = IisAppPool { state: Some(PoolState::Absent), ..self.clone() };
            return Ok((self.state == Some(PoolState::Absent)).then_some(absent));
        };
        let mut actual: IisAppPool = self.unset();
        mirror::take(self, &element, &mut actual)?;
        actual.identity = self.identity.as_ref().and_then(|identity| identity.in_own_words(&element, found));
        actual.state = self.state(&actual, found)?;
        actual.recycle = match &self.recycle {
            Some(recycle) => Some(recycle.seen(self.workers(found)?)),
            None => None,
        };
        let desired = self.periodic_restart_schedule.as_ref();
        actual.periodic_restart_schedule = desired.map(|desired| pool_collections::schedule(&element, desired));
        let desired = self.environment_variables.as_ref();
        actual.environment_variables = desired.and_then(|_| pool_collections::variables(&element));
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let element = found.config(&self.at()).ok().flatten();
        let at = self.at();
        if self.state == Some(PoolState::Absent) {
            let token = element.map_or_else(Token::absent, |element| element.token);
            writes.edit(vec![Expected { at: at.clone(), token }], vec![Edit::Remove { at }]);
            return;
        }
        let mut edits = mirror::edits(self, changes, &at);
        edits.extend(
            self.identity.iter().filter(|_| changes.touch("identity")).flat_map(|identity| identity.edits(&at)),
        );
        let touched = |property: &str| changes.touch(property);
        if let Some(times) = self.periodic_restart_schedule.as_ref().filter(|_| touched("periodic_restart_schedule")) {
            edits.extend(pool_collections::schedule_edits(&at, element.as_ref(), times));
        }
        if let Some(desired) = self.environment_variables.as_ref().filter(|_| touched("environment_variables")) {
            edits.extend(pool_collections::variable_edits(&at, element.as_ref(), desired));
        }
        let expect = if let Some(element) = &element {
            mirror::expected(&edits, element, &at)
        } else {
            let attributes = vec![("name".to_owned(), Text::Plain(self.name.clone()))];
            edits.insert(0, Edit::Add { at: ElementPath::section(SECTION), element: "add".to_owned(), attributes });
            vec![Expected { at, token: Token::absent() }]
        };
        if let Some(test) = self.user().filter(|_| changes.touch("identity")).and_then(User::test_logon) {
            writes.add(Phase::Logon, test);
        }
        let touches_worker = !edits.is_empty();
        writes.edit(expect, edits);
        let pool = || ControlTarget::Pool(self.name.clone());
        match self.state {
            Some(PoolState::Started) if changes.touch("state") || touches_worker => {
                writes.control(pool(), Control::Start);
                // A worker process that is there keeps its account until it is replaced, and a pool that is to be always
                // running and was not may have none yet.
                if ["identity", "start_mode", "state"].iter().any(|property| changes.touch(property)) {
                    writes.control(pool(), Control::Recycle);
                }
            }
            Some(PoolState::Stopped) if changes.touch("state") => writes.control(pool(), Control::Stop),
            _ => {}
        }
        if changes.touch("recycle") {
            writes.control(pool(), Control::Recycle);
        }
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        let running = found.pool(&self.name).ok().flatten().is_some_and(|pool| pool.state == RunState::Started);
        match self.state {
            _ if !running || changes.is_empty() => Disturbance::None,
            Some(PoolState::Stopped | PoolState::Absent) if changes.touch("state") => Disturbance::Restarts,
            _ => Disturbance::Recycles,
        }
    }

    fn start_anew(&mut self, found: &Found, unnoticed: &Unnoticed, apps: &[AppPath]) -> Option<Anew> {
        let workers = self.workers(found).ok()?;
        if workers.is_empty() || matches!(self.state, Some(PoolState::Stopped | PoolState::Absent)) {
            return None;
        }
        let sites = found.config(&sites()).ok().flatten();
        let is_in = |app: &&AppPath| {
            let (_, application) = application(sites.as_ref(), &app.site, &app.path);
            application.and_then(|it| it.text("applicationPool")).is_some_and(|it| it.eq_ignore_ascii_case(&self.name))
        };
        let apps: Vec<String> = apps.iter().filter(is_in).map(|app| format!("{}{}", app.site, app.path)).collect();
        let facts = found.host().ok()?;
        let element = found.config(&self.at()).ok().flatten();
        let identity = element.as_ref().and_then(|it| it.children.get("processModel")?.text("identityType"));
        let account = found.pool(&self.name).ok().flatten()?.workers.into_iter().next()?.account;
        let account = (identity == Some("SpecificUser")).then_some(account.as_str());
        let anew = unnoticed.anew(&unnoticed.sessions_of(account, &facts), &apps)?;
        let why = format!("recycle needed: {}", anew.why);
        self.recycle = Some(Recycle { why, before: workers.into_iter().collect(), done: true });
        Some(anew)
    }

    fn remarks(&self, _: &Found, changes: &Changes) -> Vec<String> {
        self.recycle.iter().filter(|_| changes.touch("recycle")).map(|recycle| recycle.why.clone()).collect()
    }

    fn symptoms(&self, found: &Found) -> Vec<String> {
        found.events(&self.name).iter().map(was::explain).collect()
    }
}

impl IisAppPool {
    /// A pool of the same name of which nothing is known.
    fn unset(&self) -> IisAppPool {
        let name = serde_json::json!({ "name": self.name });
        serde_json::from_value(name).unwrap_or_else(|error| unreachable!("a name makes a pool: {error}"))
    }
}
