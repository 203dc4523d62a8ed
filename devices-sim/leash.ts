/**
 * Loaded into the demo's service before anything else: when the demo is gone, however it went, the channel between the
 * two closes and the service stops as if it were asked to.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// Listening shall not keep alive a service that has ended by itself.
process.channel?.unref()
