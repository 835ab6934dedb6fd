// CLBlast's SGEMM on the first OpenCL device: clblast_gemm M N K. Median device time of nine runs after three.
// C [M, N] = A [M, K] · Bᵀ, B [N, K], row-major: the product of a linear layer. Prints one line of JSON.
#define CL_TARGET_OPENCL_VERSION 120
#include <clblast.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void check(int status, const char* what) {
  if (status == 0) return;
  std::fprintf(stderr, "clblast_gemm: %s: error %d\n", what, status);
  std::exit(1);
}

int main(int argc, char** argv) {
  if (argc != 4) check(-1, "usage: clblast_gemm M N K");
  size_t m = std::atol(argv[1]), n = std::atol(argv[2]), k = std::atol(argv[3]);
  cl_platform_id platform;
  cl_device_id device;
  cl_int status;
  check(clGetPlatformIDs(1, &platform, nullptr), "no platform");
  check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr), "no device");
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
  check(status, "context");
  cl_command_queue queue = clCreateCommandQueue(context, device, CL_QUEUE_PROFILING_ENABLE, &status);
  check(status, "queue");
  auto buffer = [&](size_t elements) {
    std::vector<float> host(elements);
    for (size_t i = 0; i < elements; i++) host[i] = float(i % 251) / 251 - 0.5f;
    cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, elements * 4, nullptr, &status);
    check(status, "buffer");
    check(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, elements * 4, host.data(), 0, nullptr, nullptr), "upload");
    return mem;
  };
  cl_mem a = buffer(m * k), b = buffer(n * k), c = buffer(m * n);
  std::vector<double> took;
  for (int i = -3; i < 9; i++) {
    // CLBlast's event covers its last kernel only, so the clock runs from an empty queue to an empty queue.
    check(clFinish(queue), "finish");
    cl_event first, last;
    check(clEnqueueMarkerWithWaitList(queue, 0, nullptr, &first), "marker");
    auto s = clblast::Gemm<float>(clblast::Layout::kRowMajor, clblast::Transpose::kNo, clblast::Transpose::kYes, m, n,
                                  k, 1.0f, a, 0, k, b, 0, k, 0.0f, c, 0, n, &queue, nullptr);
    check(int(s), "gemm");
    check(clEnqueueMarkerWithWaitList(queue, 0, nullptr, &last), "marker");
    check(clFinish(queue), "finish");
    cl_ulong begin, end;
    check(clGetEventProfilingInfo(first, CL_PROFILING_COMMAND_END, 8, &begin, nullptr), "time");
    check(clGetEventProfilingInfo(last, CL_PROFILING_COMMAND_START, 8, &end, nullptr), "time");
    if (i >= 0) took.push_back(double(end - begin));
  }
  std::sort(took.begin(), took.end());
  std::printf("{\"what\": \"gemm %zux%zux%zu\", \"value\": %.2f, \"unit\": \"GFLOP/s\"}\n", m, n, k,
              2.0 * m * n * k / took[took.size() / 2]);
}
