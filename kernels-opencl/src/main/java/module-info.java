/** The opencl backend of Gatun. */
module org.gatun.opencl {
  requires org.gatun.bindings;
  requires org.gatun.runtime;

  provides org.gatun.backend.BackendProvider with
      org.gatun.opencl.OpenClBackendProvider;
  provides org.gatun.kernel.KernelHost with
      org.gatun.opencl.ClKernelHost;
}
