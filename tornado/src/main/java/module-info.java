/** The tornado backend of Gatun: kernels in plain Java, and the plan to run them. */
module org.gatun.tornado {
  requires org.gatun.runtime;

  exports org.gatun.tornado;
  exports org.gatun.tornado.kernels;

  uses org.gatun.tornado.DeviceProvider;

  provides org.gatun.backend.BackendProvider with
      org.gatun.tornado.TornadoBackendProvider,
      org.gatun.tornado.PlainBackendProvider;
}
