// Open MPI's MPI_COMM_WORLD, MPI_FLOAT, … are casts of the addresses of extern structs it never defines.
// jextract skips variables of incomplete type, so each struct gets a body: only its address is used.
struct ompi_predefined_communicator_t { char opaque; };
struct ompi_predefined_datatype_t { char opaque; };
struct ompi_predefined_op_t { char opaque; };
struct ompi_predefined_info_t { char opaque; };
struct ompi_predefined_errhandler_t { char opaque; };
struct ompi_predefined_request_t { char opaque; };
#include <mpi.h>
