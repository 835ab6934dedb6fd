/** The cuda backend of Gatun. */
module org.gatun.cuda {
  requires org.gatun.bindings;
  requires org.gatun.runtime;

  provides org.gatun.backend.BackendProvider with
      org.gatun.cuda.CudaBackendProvider;
  provides org.gatun.parallel.CommunicatorProvider with
      org.gatun.cuda.NcclProvider;
  provides org.gatun.kernel.KernelHost with
      org.gatun.cuda.CudaKernelHost;
}
