//! The keys that Kubernetes and Cloud Run know, for the objects that are read here.
//!
//! From the API reference of Kubernetes 1.34 (core/v1, apps/v1, batch/v1) and of Knative serving v1 as
//! Cloud Run implements it. Annotations and labels are free and are not listed.

pub(super) const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

pub(super) const POD: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
    "workloadRef",
];

/// What the template of a Cloud Run revision has besides a pod's keys.
pub(super) const REVISION: &[&str] =
    &["containerConcurrency", "timeoutSeconds", "idleTimeoutSeconds", "responseStartTimeoutSeconds"];

pub(super) const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];

pub(super) const PROBE: &[&str] = &[
    "exec",
    "failureThreshold",
    "grpc",
    "httpGet",
    "initialDelaySeconds",
    "periodSeconds",
    "successThreshold",
    "tcpSocket",
    "terminationGracePeriodSeconds",
    "timeoutSeconds",
];

pub(super) const ENV: &[&str] = &["name", "value", "valueFrom"];

pub(super) const PORT: &[&str] = &["containerPort", "hostIP", "hostPort", "name", "protocol"];

pub(super) const DEPLOYMENT: &[&str] = &[
    "minReadySeconds",
    "paused",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "strategy",
    "template",
];

pub(super) const STATEFUL_SET: &[&str] = &[
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "podManagementPolicy",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "serviceName",
    "template",
    "updateStrategy",
    "volumeClaimTemplates",
];

pub(super) const DAEMON_SET: &[&str] =
    &["minReadySeconds", "revisionHistoryLimit", "selector", "template", "updateStrategy"];

pub(super) const REPLICA_SET: &[&str] = &["minReadySeconds", "replicas", "selector", "template"];

pub(super) const JOB: &[&str] = &[
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completionMode",
    "completions",
    "managedBy",
    "manualSelector",
    "maxFailedIndexes",
    "parallelism",
    "podFailurePolicy",
    "podReplacementPolicy",
    "selector",
    "successPolicy",
    "suspend",
    "template",
    "ttlSecondsAfterFinished",
];

pub(super) const CRON_JOB: &[&str] = &[
    "concurrencyPolicy",
    "failedJobsHistoryLimit",
    "jobTemplate",
    "schedule",
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "suspend",
    "timeZone",
];

pub(super) const KNATIVE_SERVICE: &[&str] = &["template", "traffic"];

/// The annotations of Cloud Run that are read, so that a slip in one is seen: an unknown annotation
/// is no error anywhere else.
pub(super) const CLOUD_RUN_ANNOTATIONS: &[&str] = &[
    "run.googleapis.com/vpc-access-egress",
    "run.googleapis.com/vpc-access-connector",
    "run.googleapis.com/network-interfaces",
    "run.googleapis.com/cloudsql-instances",
    "run.googleapis.com/execution-environment",
    "run.googleapis.com/startup-cpu-boost",
    "run.googleapis.com/cpu-throttling",
    "run.googleapis.com/container-dependencies",
    "run.googleapis.com/sessionAffinity",
    "run.googleapis.com/client-name",
    "run.googleapis.com/client-version",
    "run.googleapis.com/ingress",
    "run.googleapis.com/ingress-status",
    "run.googleapis.com/launch-stage",
    "run.googleapis.com/operation-id",
    "run.googleapis.com/secrets",
    "run.googleapis.com/minScale",
    "run.googleapis.com/maxScale",
    "run.googleapis.com/scalingMode",
    "run.googleapis.com/manualInstanceCount",
    "run.googleapis.com/encryption-key",
    "run.googleapis.com/binary-authorization",
    "run.googleapis.com/build-id",
    "run.googleapis.com/custom-audiences",
    "run.googleapis.com/default-url-disabled",
    "run.googleapis.com/description",
    "run.googleapis.com/urls",
    "run.googleapis.com/invoker-iam-disabled",
    "run.googleapis.com/gpu-zonal-redundancy-disabled",
    "run.googleapis.com/iap-enabled",
    "run.googleapis.com/base-images",
    "run.googleapis.com/sources",
    "run.googleapis.com/threat-detection-enabled",
    "run.googleapis.com/health-check-disabled",
    "run.googleapis.com/build-image-uri",
    "run.googleapis.com/binary-authorization-breakglass",
    "run.googleapis.com/encryption-key-shutdown-hours",
    "run.googleapis.com/post-key-revocation-action-type",
    "run.googleapis.com/maxConcurrency",
    "autoscaling.knative.dev/minScale",
    "autoscaling.knative.dev/maxScale",
    "autoscaling.knative.dev/min-scale",
    "autoscaling.knative.dev/max-scale",
];
