// Entry points by name, for cuGetProcAddress. X("name") is the newest version, as cuda.h maps it.
#include "driver.h"

#define X(f) {#f, (void*)f},
namespace vgpu {
void* proc_address(const char* name) {
  static const std::map<std::string, void*> table =
      {X(cuInit) X(cuDriverGetVersion) X(cuDeviceGetCount) X(cuDeviceGet) X(cuDeviceGetName) X(
          cuDeviceGetUuid) X(cuDeviceTotalMem) X(cuDeviceGetPCIBusId) X(cuDeviceGetAttribute)
           X(cuDeviceCanAccessPeer) X(cuDeviceGetP2PAttribute) X(cuDevicePrimaryCtxRetain) X(
               cuDevicePrimaryCtxRelease) X(cuDevicePrimaryCtxReset) X(cuDevicePrimaryCtxGetState)
               X(cuDevicePrimaryCtxSetFlags) X(cuCtxCreate) X(cuCtxDestroy) X(cuCtxSetCurrent) X(
                   cuCtxGetCurrent) X(cuCtxPushCurrent) X(cuCtxPopCurrent) X(cuCtxGetDevice)
                   X(cuCtxGetApiVersion) X(cuCtxSynchronize) X(cuCtxGetLimit) X(cuCtxSetLimit) X(
                       cuCtxGetStreamPriorityRange) X(cuCtxSetCacheConfig) X(cuCtxEnablePeerAccess)
                       X(cuCtxDisablePeerAccess) X(cuGetErrorName) X(cuGetErrorString) X(cuGetProcAddress) X(cuGraphCreate) X(
                           cuGraphDestroy) X(cuGraphAddKernelNode) X(cuGraphAddMemcpyNode) X(cuGraphAddMemsetNode)
                           X(cuGraphAddHostNode) X(cuGraphAddEmptyNode) X(cuGraphGetNodes) X(cuGraphNodeGetType) X(
                               cuGraphKernelNodeSetParams) X(cuGraphInstantiate) X(cuGraphInstantiateWithParams)
                               X(cuGraphExecKernelNodeSetParams) X(
                                   cuGraphExecUpdate) X(cuGraphLaunch) X(cuGraphUpload) X(cuGraphExecDestroy)
                                   X(cuMemAlloc) X(cuMemAllocPitch) X(cuMemFree) X(cuMemGetInfo) X(cuMemGetAddressRange) X(
                                       cuDeviceGetDefaultMemPool) X(cuDeviceGetMemPool)
                                       X(cuDeviceSetMemPool) X(cuMemPoolCreate) X(cuMemPoolDestroy) X(
                                           cuMemPoolSetAttribute) X(cuMemPoolGetAttribute) X(cuMemPoolTrimTo)
                                           X(cuMemPoolSetAccess) X(cuMemAllocFromPoolAsync) X(cuMemAllocAsync) X(
                                               cuMemFreeAsync) X(cuMemHostAlloc) X(cuMemAllocHost)
                                               X(cuMemFreeHost) X(cuMemHostRegister) X(cuMemHostUnregister) X(
                                                   cuMemHostGetDevicePointer) X(cuMemHostGetFlags)
                                                   X(cuPointerGetAttribute) X(cuMemcpyHtoD) X(cuMemcpyDtoH) X(cuMemcpyDtoD) X(
                                                       cuMemcpy) X(cuMemcpyPeer)
                                                       X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(
                                                           cuMemcpyDtoDAsync) X(cuMemcpyAsync) X(cuMemcpyPeerAsync)
                                                           X(cuMemcpy2D) X(cuMemcpy2DUnaligned) X(cuMemcpy2DAsync) X(
                                                               cuMemsetD8) X(cuMemsetD16)
                                                               X(cuMemsetD32) X(cuMemsetD8Async) X(cuMemsetD16Async) X(cuMemsetD32Async) X(
                                                                   cuMemsetD2D8) X(cuMemsetD2D32)
                                                                   X(cuModuleLoadDataEx) X(cuModuleLoadData) X(
                                                                       cuModuleLoadFatBinary) X(cuModuleLoad)
                                                                       X(cuModuleUnload) X(cuModuleGetFunction) X(cuModuleGetFunctionCount) X(
                                                                           cuModuleGetGlobal) X(cuModuleGetLoadingMode) X(cuLibraryLoadData)
                                                                           X(cuLibraryUnload) X(cuLibraryGetKernel) X(
                                                                               cuLibraryGetModule) X(cuKernelGetFunction) X(cuFuncGetAttribute)
                                                                               X(cuFuncSetAttribute) X(cuFuncSetCacheConfig) X(cuFuncGetModule) X(
                                                                                   cuFuncGetName) X(cuFuncGetParamInfo) X(cuLaunchKernel)
                                                                                   X(cuLaunchCooperativeKernel) X(cuLaunchKernelEx) X(cuLaunchHostFunc) X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags) X(cuOccupancyMaxPotentialBlockSize) X(cuStreamCreateWithPriority) X(cuStreamCreate) X(cuStreamDestroy) X(cuStreamSynchronize) X(cuStreamQuery) X(cuStreamGetFlags) X(cuStreamGetPriority) X(cuStreamGetCtx) X(
                                                                                       cuStreamGetId) X(cuStreamWaitEvent) X(cuStreamAddCallback) X(cuEventCreate)
                                                                                       X(cuEventDestroy) X(
                                                                                           cuEventRecord) X(cuEventRecordWithFlags) X(cuEventQuery)
                                                                                           X(cuEventSynchronize) X(
                                                                                               cuEventElapsedTime) X(cuStreamBeginCapture)
                                                                                               X(cuStreamEndCapture) X(
                                                                                                   cuStreamIsCapturing)
                                                                                                   X(cuThreadExchangeStreamCaptureMode)
                                                                                                       X(cuLinkCreate) X(
                                                                                                           cuLinkAddData)
                                                                                                           X(cuLinkComplete)
                                                                                                               X(cuLinkDestroy)};
  auto it = table.find(name);
  return it == table.end() ? nullptr : it->second;
}
}  // namespace vgpu
