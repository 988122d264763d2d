export function checkEnv (log) {
  if (!process.env.SENTRY_DSN) log.warn('SENTRY_DSN is empty, errors stay local')
  if (process.env.LOYALTY_V1_API) log.warn({ setting: 'LOYALTY_V1_API' }, 'deprecated setting, the v1 API goes away in 6.0')
  import('dd-trace').catch(err => log.warn({ code: err.code }, "tracing off: Cannot find package 'dd-trace'"))
}
