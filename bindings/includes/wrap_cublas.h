// cuBLAS and cuBLASLt in one generated class.
#include <cublas_v2.h>
#include <cublasLt.h>
